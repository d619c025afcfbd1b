//! Segments, gates and task states: what a trap finds when it leaves ring 3.
//!
//! Selectors: 0x08 kernel code, 0x10 kernel data, 0x1B user code, 0x23 user data, 0x28 this CPU's task state,
//! 0x30 the task that reports a double fault, 0x38 the one that reports a non-maskable interrupt. All segments are flat; paging does the protecting.

use core::mem::{offset_of, size_of};

use abi::registers::{USER_CODE, USER_DATA};
use kernel_core::hardware::Ports;
use x86::Ring;
use x86::bits32::task::TaskStateSegment;
use x86::dtables::{DescriptorTablePointer, lgdt, lidt, load_ldtr};
use x86::segmentation::{
    BuildDescriptor, CodeSegmentType, DataSegmentType, Descriptor, DescriptorBuilder,
    GateDescriptorBuilder, SegmentDescriptorBuilder, SegmentSelector, TaskGateDescriptorBuilder,
    load_cs, load_ds, load_es, load_fs, load_gs, load_ss,
};
use x86::task::load_tr;

use crate::x86::per_cpu::{BOOT, Stack};
use crate::x86::traps::{self, Stub, VECTORS};

/// Kernel code: descriptor 1.
pub const KERNEL_CODE: u16 = 0x08;
/// Kernel data: descriptor 2.
pub const KERNEL_DATA: u16 = 0x10;
const TASK_STATE: u16 = 0x28;
const DOUBLE_FAULT_TASK: u16 = 0x30;
const NMI_TASK: u16 = 0x38;

const DOUBLE_FAULT: usize = 8;
const NMI: usize = 2;
/// The vectors that a program may raise with `int n`: breakpoint, overflow and the call. Any other `int n` is a
/// general protection fault.
const OPEN_TO_PROGRAMS: [usize; 3] = [3, 4, 0x30];

/// Bytes of a bitmap of all I/O ports, and the byte of ones that has to follow it (Intel SDM vol. 1, 19.5.2).
const PORT_BYTES: usize = 0x1_0000 / 8 + 1;
/// Where the task state says that the bitmap lies when there is none: beyond its limit.
const NO_PORTS: u16 = 0xFFFF;

/// One CPU's tables. Aligned so that no task state crosses a page (Intel SDM vol. 3A, 8.2.1).
#[repr(C, align(1024))]
pub struct Tables {
    gdt: [Descriptor; 8],
    idt: [Descriptor; VECTORS],
    /// The `sysenter` stub starts with its stack pointer at `task.esp0`; a debug exception at its first
    /// instruction pushes down from there, into the task's link field and this.
    below_entry_stack: [u32; 16],
    task: TaskStateSegment,
    double_fault_task: TaskStateSegment,
    nmi_task: TaskStateSegment,
    /// All ports are open: zeros, then the byte of ones. The task state names it while such a process runs.
    all_ports: [u8; PORT_BYTES],
    /// All ports are closed but those of the driver that ran last. The task state names it while that one runs.
    some_ports: [u8; PORT_BYTES],
    /// What is open there.
    some: Ports,
}

const _: () = {
    assert!(offset_of!(Tables, all_ports) <= 1024);
    assert!(offset_of!(Tables, some_ports) - offset_of!(Tables, task) < NO_PORTS as usize);
    assert!(offset_of!(Tables, task) == offset_of!(Tables, below_entry_stack) + 64);
    assert!(offset_of!(Tables, task) % 4 == 0 && offset_of!(TaskStateSegment, esp0) == 4);
};

/// All zero bytes, which keeps the port bitmap out of the kernel image.
const NO_TASK_STATE: TaskStateSegment = {
    let mut task = TaskStateSegment::new();
    task.iobp_offset = 0;
    task
};

const NO_DESCRIPTOR: Descriptor = Descriptor { lower: 0, upper: 0 };

impl Tables {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self {
            gdt: [NO_DESCRIPTOR; 8],
            idt: [NO_DESCRIPTOR; VECTORS],
            below_entry_stack: [0; 16],
            task: NO_TASK_STATE,
            double_fault_task: NO_TASK_STATE,
            nmi_task: NO_TASK_STATE,
            all_ports: [0; PORT_BYTES],
            some_ports: [0; PORT_BYTES],
            some: Ports::NONE,
        }
    }

    /// Fills the tables and makes this CPU use them.
    ///
    /// # Safety
    /// `tables` is this CPU's own, in memory that is never freed or moved, and no descriptor in it is in use.
    pub unsafe fn load(tables: *mut Self) {
        // SAFETY: the caller's promise; the borrow ends before the first table is loaded.
        let this = unsafe { &mut *tables };
        this.fill();
        let (gdt, idt) =
            (DescriptorTablePointer::new(&this.gdt), DescriptorTablePointer::new(&this.idt));
        // SAFETY: the table is filled, and stays where it is.
        unsafe { lgdt(&gdt) };
        load_segments();
        // SAFETY: descriptor 5 is this CPU's available 32-bit task state.
        unsafe { load_tr(SegmentSelector::from_raw(TASK_STATE)) };
        // A CPU starts with a local table of 64 KiB at address 0 (Intel SDM vol. 3A, table 10-1), where a program may
        // map a page and write a gate into ring 0.
        // SAFETY: the null selector means that there is no local table.
        unsafe { load_ldtr(SegmentSelector::from_raw(0)) };
        // SAFETY: the table is filled, and stays where it is; its selectors are in the table loaded above.
        unsafe { lidt(&idt) };
    }

    fn fill(&mut self) {
        self.gdt = [
            NO_DESCRIPTOR,
            code(Ring::Ring0),
            data(Ring::Ring0),
            code(Ring::Ring3),
            data(Ring::Ring3),
            task_state(
                &self.task,
                offset_of!(Self, some_ports) + PORT_BYTES - offset_of!(Self, task),
            ),
            task_state(&self.double_fault_task, size_of::<TaskStateSegment>()),
            task_state(&self.nmi_task, size_of::<TaskStateSegment>()),
        ];
        self.all_ports[PORT_BYTES - 1] = 0xFF;
        self.some_ports.fill(0xFF);
        self.task.iobp_offset = NO_PORTS;
        self.task.ss0 = KERNEL_DATA;
        begin_task(&mut self.double_fault_task, traps::double_fault_entry);
        begin_task(&mut self.nmi_task, traps::nmi_entry);
        self.set_gates(traps::stubs());
    }

    /// Lets each vector start at its stub; the two that have tasks keep them.
    fn set_gates(&mut self, stubs: &[Stub; VECTORS]) {
        for (vector, (gate, stub)) in self.idt.iter_mut().zip(stubs).enumerate() {
            let ring = if OPEN_TO_PROGRAMS.contains(&vector) { Ring::Ring3 } else { Ring::Ring0 };
            *gate = interrupt_gate(*stub, ring);
        }
        self.idt[DOUBLE_FAULT] = task_gate(DOUBLE_FAULT_TASK);
        self.idt[NMI] = task_gate(NMI_TASK);
    }

    /// Lets each vector start at a stub that records events.
    ///
    /// # Safety
    /// `tables` is this CPU's own, interrupts are off, and nothing borrows it.
    pub unsafe fn trace(tables: *mut Self) {
        // SAFETY: the caller's promise. The CPU reads a gate only when it takes a trap, and none comes here.
        unsafe { &mut *tables }.set_gates(traps::traced_stubs());
    }

    /// Where the next trap from ring 3 starts to push: TSS.esp0.
    pub const fn entry_stack(tables: *mut Self) -> *mut u32 {
        tables
            .cast::<u8>()
            .wrapping_add(offset_of!(Tables, task) + offset_of!(TaskStateSegment, esp0))
            .cast()
    }

    /// Opens ports to ring 3 and closes all others. The CPU reads the bitmap's place, and the bitmap, at each IN and OUT.
    pub fn open_ports(tables: *mut Self, ports: &Ports) {
        let bitmap = match (ports.any(), ports.all()) {
            (false, _) => NO_PORTS,
            (true, true) => (offset_of!(Self, all_ports) - offset_of!(Self, task)) as u16,
            (true, false) => {
                Self::open_some(tables, ports);
                (offset_of!(Self, some_ports) - offset_of!(Self, task)) as u16
            }
        };
        let place = offset_of!(Self, task) + offset_of!(TaskStateSegment, iobp_offset);
        let word = tables.cast::<u8>().wrapping_add(place).cast::<u16>();
        // SAFETY: an aligned word of this CPU's own task state, which hardware only reads.
        unsafe { word.write_volatile(bitmap) };
    }

    /// Puts a driver's ports into the bitmap in place of the last driver's.
    fn open_some(tables: *mut Self, ports: &Ports) {
        // SAFETY: this CPU's own, which nothing borrows while interrupts are off; only the kernel knows of the field.
        let open = unsafe { &mut (*tables).some };
        if open == ports {
            return;
        }
        // SAFETY: as above; hardware only reads the bitmap.
        let bitmap = unsafe { &mut (*tables).some_ports };
        for (ports, closed) in [(&*open, true), (ports, false)] {
            for port in ports.ranges().iter().flat_map(|range| range.first()..range.end()) {
                let bit = 1 << (port % 8);
                let byte = &mut bitmap[port as usize / 8];
                *byte = if closed { *byte | bit } else { *byte & !bit };
            }
        }
        *open = *ports;
    }

    /// What the CPU was doing when it switched to the task that reports a double fault or a non-maskable interrupt.
    ///
    /// # Safety
    /// `tables` is this CPU's own, and nothing borrows it.
    pub unsafe fn interrupted(tables: *const Self) -> Interrupted {
        // SAFETY: the caller's promise.
        let task = unsafe { (*tables).task };
        let in_ring_3 = task.cs & 3 == 3;
        Interrupted { eip: task.eip, esp: task.esp, ebp: task.ebp, in_ring_3 }
    }
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

/// Fills in a task that begins at `entry` on the stack for failures, with the boot's tables. Both such tasks end the
/// machine, so one stack does for both.
fn begin_task(task: &mut TaskStateSegment, entry: unsafe extern "C" fn()) {
    task.iobp_offset = NO_PORTS;
    task.cr3 = ::boot::image::directory();
    task.eip = entry as *const () as u32;
    task.esp = Stack::double_fault(BOOT).end;
    task.eflags = 0x2;
    task.cs = KERNEL_CODE;
    (task.ss, task.ds, task.es) = (KERNEL_DATA, KERNEL_DATA, KERNEL_DATA);
}

/// A task gate: the CPU stores all registers in the current task state and loads those of another, stack included. So it
/// does not matter which stack the interrupted code stood on.
fn task_gate(task: u16) -> Descriptor {
    let selector = SegmentSelector::from_raw(task);
    let gate: DescriptorBuilder = TaskGateDescriptorBuilder::task_gate_descriptor(selector);
    gate.present().dpl(Ring::Ring0).finish()
}

/// Loads the segment registers with the kernel's selectors; programs have the last two at 0 until they start.
fn load_segments() {
    let data = SegmentSelector::from_raw(KERNEL_DATA);
    // SAFETY: descriptor 1 is flat ring-0 code, so the next instruction is where it was.
    unsafe { load_cs(SegmentSelector::from_raw(KERNEL_CODE)) };
    // SAFETY: descriptor 2 is flat writable ring-0 data, so the stack is where it was.
    unsafe { load_ss(data) };
    // SAFETY: as above, so every pointer means what it meant.
    unsafe { load_ds(data) };
    // SAFETY: as above.
    unsafe { load_es(data) };
    // SAFETY: the kernel does not use this one; the null selector is always allowed.
    unsafe { load_fs(SegmentSelector::from_raw(0)) };
    // SAFETY: as above.
    unsafe { load_gs(SegmentSelector::from_raw(0)) };
}

fn code(ring: Ring) -> Descriptor {
    let builder: DescriptorBuilder = SegmentDescriptorBuilder::<u32>::code_descriptor(
        0,
        0xF_FFFF,
        CodeSegmentType::ExecuteReadAccessed,
    );
    builder.present().dpl(ring).limit_granularity_4kb().db().finish()
}

fn data(ring: Ring) -> Descriptor {
    let builder: DescriptorBuilder = SegmentDescriptorBuilder::<u32>::data_descriptor(
        0,
        0xF_FFFF,
        DataSegmentType::ReadWriteAccessed,
    );
    builder.present().dpl(ring).limit_granularity_4kb().db().finish()
}

/// A task state and what belongs to it: `length` bytes.
fn task_state(task: *const TaskStateSegment, length: usize) -> Descriptor {
    let builder: DescriptorBuilder =
        GateDescriptorBuilder::<u32>::tss_descriptor(task as u64, length as u64 - 1, true);
    builder.present().dpl(Ring::Ring0).finish()
}

/// An interrupt gate: the CPU turns interrupts off on the way in.
fn interrupt_gate(stub: Stub, ring: Ring) -> Descriptor {
    let selector = SegmentSelector::from_raw(KERNEL_CODE);
    let builder: DescriptorBuilder =
        GateDescriptorBuilder::<u32>::interrupt_descriptor(selector, stub.0);
    builder.present().dpl(ring).finish()
}

const _: () = assert!(USER_CODE == 3 * 8 + 3 && USER_DATA == 4 * 8 + 3);
