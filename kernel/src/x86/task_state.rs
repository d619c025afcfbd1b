//! The task state segments: where a trap from ring 3 saves the registers, which I/O ports a program
//! may use, and the tasks that report a double fault or a non-maskable interrupt.
//!
//! The kernel switches tasks for those two failures alone. Of the ordinary task state the CPU reads
//! three fields: `ss0` and `esp0`, the stack of a trap from ring 3, and the place of the bitmap of
//! I/O ports. `esp0` is not the end of a stack but the end of the current process's [`Registers`]:
//! the CPU and `traps.s` push them straight to where the core reads them. The core sets it by
//! [`set_register_area`] whenever another process is to run.

use core::mem::{offset_of, size_of};

use abi::Registers;
use kernel_core::hardware::Ports;
use x86::bits32::task::TaskStateSegment;

use crate::x86::entries;
use crate::x86::per_cpu::PerCpu;
use crate::x86::selectors::{KERNEL_CODE, KERNEL_DATA};
use crate::x86::stacks::Stack;

/// Bytes of a bitmap of all I/O ports, and the byte of ones that has to follow it (Intel SDM vol.
/// 1, 19.5.2).
const PORT_BYTES: usize = 0x1_0000 / 8 + 1;
/// The place of the bitmap when there is none: beyond the segment's limit.
const NO_PORTS: u16 = 0xFFFF;

/// The task states of one CPU, and the bitmaps of ports, which have to lie in the same segment.
/// Aligned so that no task state crosses a page (Intel SDM vol. 3A, 8.2.1).
#[repr(C, align(1024))]
struct TaskStates {
    /// The `sysenter` stub starts with its stack pointer at `task.esp0`. A debug exception at its
    /// first instruction pushes down from there, into the task's link field and into this field.
    below_entry_stack: [u32; 16],
    task: TaskStateSegment,
    double_fault: TaskStateSegment,
    nmi: TaskStateSegment,
    /// All ports are open: zeros, then the byte of ones.
    all_ports: [u8; PORT_BYTES],
    /// All ports are closed but those of the driver that ran last.
    driver_ports: [u8; PORT_BYTES],
    /// The ports that are open in `driver_ports`.
    driver: Ports,
}

const _: () = {
    assert!(offset_of!(TaskStates, all_ports) <= 1024);
    assert!(
        offset_of!(TaskStates, driver_ports) - offset_of!(TaskStates, task) < NO_PORTS as usize
    );
    assert!(offset_of!(TaskStates, task) == offset_of!(TaskStates, below_entry_stack) + 64);
    assert!(offset_of!(TaskStates, task) % 4 == 0 && offset_of!(TaskStateSegment, esp0) == 4);
};

/// All zero bytes, so that the bitmaps behind it need no room in the file of the kernel's image.
const ZEROED: TaskStateSegment = {
    let mut task = TaskStateSegment::new();
    task.iobp_offset = 0;
    task
};

// With the boot's stack, as the descriptor tables.
#[unsafe(link_section = ".bss.boot.tables")]
static TASK_STATES: PerCpu<TaskStates> = PerCpu::new(TaskStates {
    below_entry_stack: [0; 16],
    task: ZEROED,
    double_fault: ZEROED,
    nmi: ZEROED,
    all_ports: [0; PORT_BYTES],
    driver_ports: [0; PORT_BYTES],
    driver: Ports::NONE,
});

/// A segment that a descriptor names.
pub struct Segment {
    /// Its first byte.
    pub address: u32,
    /// Its length in bytes.
    pub length: u32,
}

/// The segments of the three task states: the ordinary one with its bitmaps, the one for a double
/// fault, the one for a non-maskable interrupt.
pub fn segments() -> [Segment; 3] {
    let base = TASK_STATES.get() as u32;
    let bitmaps_end = offset_of!(TaskStates, driver_ports) + PORT_BYTES;
    let one = size_of::<TaskStateSegment>();
    let segment = |start: usize, length: usize| Segment {
        address: base + start as u32,
        length: length as u32,
    };
    [
        segment(offset_of!(TaskStates, task), bitmaps_end - offset_of!(TaskStates, task)),
        segment(offset_of!(TaskStates, double_fault), one),
        segment(offset_of!(TaskStates, nmi), one),
    ]
}

/// Fills in the task states of this CPU.
pub fn fill() {
    // SAFETY: this CPU's own; the boot calls this before the CPU uses the task states, and nothing
    // else borrows them while interrupts are off.
    let states = unsafe { &mut *TASK_STATES.get() };
    states.all_ports[PORT_BYTES - 1] = 0xFF;
    states.driver_ports.fill(0xFF);
    states.task.iobp_offset = NO_PORTS;
    states.task.ss0 = KERNEL_DATA;
    begin_failure_task(&mut states.double_fault, entries::double_fault_entry);
    begin_failure_task(&mut states.nmi, entries::nmi_entry);
}

/// Fills in a task that begins at `entry` with the boot's tables. Both such tasks end the machine,
/// so one stack does for both.
fn begin_failure_task(task: &mut TaskStateSegment, entry: unsafe extern "C" fn()) {
    task.iobp_offset = NO_PORTS;
    task.cr3 = ::boot::image::directory();
    task.eip = entry as *const () as u32;
    task.esp = Stack::FAILURE.end;
    task.eflags = 0x2;
    task.cs = KERNEL_CODE;
    (task.ss, task.ds, task.es) = (KERNEL_DATA, KERNEL_DATA, KERNEL_DATA);
}

/// Where the CPU finds the address at which the next trap from ring 3 starts to push: TSS.esp0.
pub const fn entry_stack() -> *mut u32 {
    let offset = offset_of!(TaskStates, task) + offset_of!(TaskStateSegment, esp0);
    TASK_STATES.get().cast::<u8>().wrapping_add(offset).cast()
}

/// Lets the next trap from ring 3 save the registers here.
pub fn set_register_area(registers: &mut Registers) {
    let end = (&raw mut *registers).wrapping_add(1) as u32;
    // SAFETY: an aligned word of this CPU's own, which nothing borrows after the boot.
    unsafe { entry_stack().write(end) };
}

/// One past the end of the current process's registers: TSS.esp0. 0 before the first process.
pub fn end_of_registers() -> u32 {
    // SAFETY: as in `set_register_area`.
    unsafe { entry_stack().read() }
}

/// The registers that the last trap from ring 3 has saved. `None` before the first process.
pub fn registers() -> Option<*const Registers> {
    let end = end_of_registers();
    (end != 0).then(|| (end as *const Registers).wrapping_sub(1))
}

/// Opens ports to ring 3 and closes all others. The CPU reads the place of the bitmap, and the
/// bitmap, at each IN and OUT.
pub fn open_ports(ports: &Ports) {
    let bitmap = match (ports.any(), ports.all()) {
        (false, _) => NO_PORTS,
        (true, true) => (offset_of!(TaskStates, all_ports) - offset_of!(TaskStates, task)) as u16,
        (true, false) => {
            open_for_driver(ports);
            (offset_of!(TaskStates, driver_ports) - offset_of!(TaskStates, task)) as u16
        }
    };
    let offset = offset_of!(TaskStates, task) + offset_of!(TaskStateSegment, iobp_offset);
    let word = TASK_STATES.get().cast::<u8>().wrapping_add(offset).cast::<u16>();
    // SAFETY: an aligned word of this CPU's own task state, which hardware only reads.
    unsafe { word.write_volatile(bitmap) };
}

/// Puts the ports of a driver into the bitmap in place of the last driver's.
fn open_for_driver(ports: &Ports) {
    let states = TASK_STATES.get();
    // SAFETY: this CPU's own, and nothing else borrows the field while interrupts are off.
    let open = unsafe { &mut (*states).driver };
    if open == ports {
        return;
    }
    // SAFETY: as above; hardware only reads the bitmap.
    let bitmap = unsafe { &mut (*states).driver_ports };
    for (ports, closed) in [(&*open, true), (ports, false)] {
        for port in ports.ranges().iter().flat_map(|range| range.first()..range.end()) {
            let bit = 1 << (port % 8);
            let byte = &mut bitmap[port as usize / 8];
            *byte = if closed { *byte | bit } else { *byte & !bit };
        }
    }
    *open = *ports;
}

/// Registers that a task switch has stored.
pub struct Interrupted {
    /// Where the CPU was.
    pub eip: u32,
    /// Its stack pointer.
    pub esp: u32,
    /// Its frame pointer.
    pub ebp: u32,
    /// A process ran.
    pub in_ring_3: bool,
}

/// What the CPU was doing when it switched to the task for a double fault or a non-maskable
/// interrupt.
pub fn interrupted() -> Interrupted {
    // SAFETY: this CPU's own, in a static; the switch of tasks has written all of it, and the code
    // that it interrupted never goes on, so nothing borrows it.
    let task = unsafe { (*TASK_STATES.get()).task };
    Interrupted { eip: task.eip, esp: task.esp, ebp: task.ebp, in_ring_3: task.cs & 3 == 3 }
}
