//! What QEMU calls, and what it is asked for: version 1 of its plugin interface, or 2.
//!
//! The functions declared here are the same in both versions (`include/qemu/qemu-plugin.h` of
//! QEMU 7.2 and of 9.0).
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::fs::File;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::event::Event;
use crate::mark::Mark;
use crate::series::{Counts, Series};

/// An instruction or a block of QEMU's; only QEMU looks into it.
#[repr(C)]
struct Opaque([u8; 0]);

/// A callback that reads no registers.
const NO_REGISTERS: c_int = 0;
/// Stores, among accesses to memory.
const STORES: c_int = 2;

type Executed = extern "C" fn(c_uint, *mut c_void);
type Accessed = extern "C" fn(c_uint, u32, u64, *mut c_void);

unsafe extern "C" {
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: u64, translated: extern "C" fn(u64, *mut Opaque));
    fn qemu_plugin_tb_n_insns(block: *const Opaque) -> usize;
    fn qemu_plugin_tb_get_insn(block: *const Opaque, index: usize) -> *mut Opaque;
    fn qemu_plugin_insn_disas(instruction: *const Opaque) -> *mut c_char;
    fn qemu_plugin_insn_vaddr(instruction: *const Opaque) -> u64;
    fn qemu_plugin_register_vcpu_insn_exec_cb(
        instruction: *mut Opaque,
        executed: Executed,
        flags: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_register_vcpu_mem_cb(
        instruction: *mut Opaque,
        accessed: Accessed,
        flags: c_int,
        which: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_mem_size_shift(access: u32) -> c_uint;
    fn free(text: *mut c_void);
}

/// The version of the interface that this plugin uses. QEMU refuses one that it no longer has.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static qemu_plugin_version: c_int = match option_env!("VITRINE_PLUGIN_VERSION") {
    Some(version) if matches!(version.as_bytes(), b"2") => 2,
    _ => 1,
};

static COUNTS: [AtomicU64; Event::ALL.len()] = [const { AtomicU64::new(0) }; Event::ALL.len()];
/// The address of the page fault handler's first instruction.
static FAULT: AtomicU64 = AtomicU64::new(0);
static OUTPUT: Mutex<Option<(Series, File)>> = Mutex::new(None);

/// QEMU's call when it has loaded the plugin. The arguments are `out=FILE`, where the lines go, and
/// `fault=ADDRESS`, the first instruction of the page fault handler. Anything but 0 ends QEMU.
///
/// # Safety
/// `argv` are `argc` C strings, and `id` is what QEMU gave the plugin.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: u64,
    _info: *const c_void,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    let argument = |index: usize| {
        // SAFETY: `index` is below `argc`, so one of the caller's strings is there.
        let text = unsafe { argv.wrapping_add(index).read() };
        // SAFETY: the caller's strings end with 0 and live as long as this call.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    };
    let arguments = (0..usize::try_from(argc).unwrap_or(0)).map(argument).collect::<Vec<_>>();
    if let Err(why) = set_up(&arguments) {
        eprintln!("vitrine-counter: {why}");
        return 1;
    }
    // SAFETY: `id` is this plugin's, and the function lives as long as the plugin.
    unsafe { qemu_plugin_register_vcpu_tb_trans_cb(id, translated) };
    0
}

fn set_up(arguments: &[String]) -> Result<(), String> {
    let value = |name: &str| {
        let found = arguments.iter().find_map(|argument| argument.strip_prefix(name));
        found.ok_or_else(|| format!("{name} is missing"))
    };
    let fault = value("fault=")?;
    let fault = fault.parse().map_err(|_| format!("fault={fault} is no address"))?;
    FAULT.store(fault, Ordering::Relaxed);
    let file = value("out=")?;
    let file = File::create(file).map_err(|error| format!("out={file}: {error}"))?;
    *OUTPUT.lock().map_err(|error| error.to_string())? = Some((Series::default(), file));
    Ok(())
}

/// QEMU has translated a block: says which of its instructions are counted.
extern "C" fn translated(_id: u64, block: *mut Opaque) {
    // SAFETY: `block` is QEMU's, during this call.
    let instructions = unsafe { qemu_plugin_tb_n_insns(block) };
    for index in 0..instructions {
        // SAFETY: as above, and `index` is that of an instruction of the block.
        let instruction = unsafe { qemu_plugin_tb_get_insn(block, index) };
        // SAFETY: `instruction` is one of the block's.
        let address = unsafe { qemu_plugin_insn_vaddr(instruction) };
        if address == FAULT.load(Ordering::Relaxed) {
            count(instruction, Event::Fault);
        }
        let text = text_of(instruction);
        if let Some(mark) = Mark::of(&text) {
            notify(instruction, marked, mark as usize);
        }
        if let Some(event) = Event::of(&text) {
            count(instruction, event);
        }
    }
}

fn count(instruction: *mut Opaque, event: Event) {
    notify(instruction, executed, event as usize);
    if event == Event::RepTurn {
        // SAFETY: `instruction` is one of the block that is being translated.
        unsafe {
            qemu_plugin_register_vcpu_mem_cb(
                instruction,
                stored,
                NO_REGISTERS,
                STORES,
                std::ptr::null_mut(),
            );
        }
    }
}

/// Has QEMU call `callee` with `number` whenever it executes an instruction.
fn notify(instruction: *mut Opaque, callee: Executed, number: usize) {
    let number = std::ptr::without_provenance_mut(number);
    // SAFETY: `instruction` is one of the block that is being translated.
    unsafe { qemu_plugin_register_vcpu_insn_exec_cb(instruction, callee, NO_REGISTERS, number) };
}

fn text_of(instruction: *const Opaque) -> String {
    // SAFETY: `instruction` is one of the block that is being translated.
    let text = unsafe { qemu_plugin_insn_disas(instruction) };
    if text.is_null() {
        return String::new();
    }
    // SAFETY: QEMU returns a C string, which is the caller's.
    let owned = CString::from(unsafe { CStr::from_ptr(text) });
    // SAFETY: the text was allocated by GLib, whose allocator is C's, and nobody else has it.
    unsafe { free(text.cast()) };
    owned.to_string_lossy().into_owned()
}

extern "C" fn executed(_cpu: c_uint, event: *mut c_void) {
    COUNTS[event.addr()].fetch_add(1, Ordering::Relaxed);
}

extern "C" fn stored(_cpu: c_uint, access: u32, _address: u64, _data: *mut c_void) {
    // SAFETY: `access` is what QEMU gave this call.
    let bytes = 1 << unsafe { qemu_plugin_mem_size_shift(access) };
    COUNTS[Event::RepByte as usize].fetch_add(bytes, Ordering::Relaxed);
}

extern "C" fn marked(_cpu: c_uint, mark: *mut c_void) {
    let counts: Counts = std::array::from_fn(|event| COUNTS[event].load(Ordering::Relaxed));
    let Ok(mut output) = OUTPUT.lock() else { return };
    let Some((series, file)) = output.as_mut() else { return };
    if let Some(line) = series.take(Mark::ALL[mark.addr()], &counts) {
        // A line that is missing is found by its reader.
        let _ = writeln!(file, "{line}");
    }
}
