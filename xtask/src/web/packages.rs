//! The packages from npm that the laboratory and its tests use, beside v86.

use crate::npm::{Package, V86};

/// Those that the site is made of.
pub const OF_SITE: [Package; 3] = [V86, XTERM, XTERM_FIT];
/// Those that its tests need as well.
pub const OF_TESTS: [Package; 2] = [AXE, PLAYWRIGHT];

/// A terminal.
pub const XTERM: Package = Package {
    name: "@xterm/xterm",
    version: "6.0.0",
    integrity: "sha512-TQwDdQGtwwDt+2cgKDLn0IRaSxYu1tSUjgKarSDkUM0ZNiSRXFpjxEsvc/Zgc5kq5omJ+V0a8/kIM2WD3sMOYg==",
};

/// Fits the terminal into its place.
pub const XTERM_FIT: Package = Package {
    name: "@xterm/addon-fit",
    version: "0.11.0",
    integrity: "sha512-jYcgT6xtVYhnhgxh3QgYDnnNMYTcf8ElbxxFzX0IZo+vabQqSPAjC3c1wJrKB5E19VwQei89QCiZZP86DCPF7g==",
};

/// Looks for what keeps people from using a page; for the tests.
pub const AXE: Package = Package {
    name: "axe-core",
    version: "4.14.1",
    integrity: "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
};

/// Leads a browser; for the tests. A later version needs a later Node.js than Debian's.
pub const PLAYWRIGHT: Package = Package {
    name: "playwright-core",
    version: "1.55.1",
    integrity: "sha512-Z6Mh9mkwX+zxSlHqdr5AOcJnfp+xUWLCt9uKV18fhzA8eyxUd8NUWzAjxUh55RZKSYwDGX0cfaySdhZJGMoJ+w==",
};
