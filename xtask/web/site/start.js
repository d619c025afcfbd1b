// The first module: asks whether this browser can run the machine, and only then loads the rest.

const status = document.getElementById("status");
if (typeof WebAssembly !== "object") {
  status.textContent =
    "This browser has no WebAssembly, so the machine cannot run in it. " +
    "Any current browser with WebAssembly switched on can.";
} else {
  import("./laboratory.js").catch((error) => {
    status.textContent = `The laboratory could not be loaded: ${error.message}`;
    throw error;
  });
}
