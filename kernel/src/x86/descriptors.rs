//! The descriptor tables: the segments (GDT) and the gates through which every trap enters (IDT).

use abi::registers::USER_DATA;
use x86::Ring;
use x86::dtables::{DescriptorTablePointer, lgdt, lidt, load_ldtr};
use x86::segmentation::{
    BuildDescriptor, CodeSegmentType, DataSegmentType, Descriptor, DescriptorBuilder,
    GateDescriptorBuilder, SegmentDescriptorBuilder, SegmentSelector, TaskGateDescriptorBuilder,
    load_cs, load_ds, load_es, load_fs, load_gs, load_ss,
};
use x86::task::load_tr;

use crate::x86::entries::{self, Stub, VECTORS};
use crate::x86::per_cpu::PerCpu;
use crate::x86::selectors::{DOUBLE_FAULT_TASK, KERNEL_CODE, KERNEL_DATA, NMI_TASK, TASK_STATE};
use crate::x86::task_state::{self, Segment};

const DOUBLE_FAULT: usize = 8;
const NMI: usize = 2;
/// The vectors that a program may raise with `int n`: breakpoint, overflow and the call. Any other
/// `int n` is a general protection fault.
const OPEN_TO_PROGRAMS: [usize; 3] = [3, 4, 0x30];

/// The tables of one CPU.
#[repr(C, align(8))]
struct Tables {
    gdt: [Descriptor; 8],
    idt: [Descriptor; VECTORS],
}

const NO_DESCRIPTOR: Descriptor = Descriptor { lower: 0, upper: 0 };

// With the boot's stack: a machine may have too little memory for the rest of the image, and is
// refused by code that runs on these tables.
#[unsafe(link_section = ".bss.boot.tables")]
static TABLES: PerCpu<Tables> =
    PerCpu::new(Tables { gdt: [NO_DESCRIPTOR; 8], idt: [NO_DESCRIPTOR; VECTORS] });

/// Fills the tables and the task states, and makes this CPU use them. For the boot, with interrupts
/// off.
pub fn load() {
    task_state::fill();
    // SAFETY: this CPU's own, which nothing else borrows: the CPU reads the tables only from the
    // instructions below on.
    let tables = unsafe { &mut *TABLES.get() };
    let [task, double_fault, nmi] = task_state::segments();
    tables.gdt = [
        NO_DESCRIPTOR,
        code(Ring::Ring0),
        data(Ring::Ring0),
        code(Ring::Ring3),
        data(Ring::Ring3),
        task_descriptor(&task),
        task_descriptor(&double_fault),
        task_descriptor(&nmi),
    ];
    for (vector, (gate, stub)) in tables.idt.iter_mut().zip(entries::stubs()).enumerate() {
        let ring = if OPEN_TO_PROGRAMS.contains(&vector) { Ring::Ring3 } else { Ring::Ring0 };
        *gate = interrupt_gate(*stub, ring);
    }
    tables.idt[DOUBLE_FAULT] = task_gate(DOUBLE_FAULT_TASK);
    tables.idt[NMI] = task_gate(NMI_TASK);
    let gdt = DescriptorTablePointer::new(&tables.gdt);
    let idt = DescriptorTablePointer::new(&tables.idt);
    // SAFETY: the table is filled, and lies in a static.
    unsafe { lgdt(&gdt) };
    load_segments();
    // SAFETY: descriptor 5 is an available 32-bit task state of this CPU.
    unsafe { load_tr(SegmentSelector::from_raw(TASK_STATE)) };
    // A CPU starts with a local table of 64 KiB at address 0 (Intel SDM vol. 3A, table 10-1), where
    // a program could map a page and write a gate into ring 0.
    // SAFETY: the null selector means that there is no local table.
    unsafe { load_ldtr(SegmentSelector::from_raw(0)) };
    // SAFETY: the table is filled, and lies in a static; its selectors are in the table loaded
    // above.
    unsafe { lidt(&idt) };
}

/// Loads the segment registers. ds and es are from now on what each trap makes them: the first
/// program, which does not come from a trap, has them as well. fs and gs are 0 until then.
fn load_segments() {
    let data = SegmentSelector::from_raw(USER_DATA as u16);
    // SAFETY: descriptor 1 is flat ring-0 code, so the next instruction is where it was.
    unsafe { load_cs(SegmentSelector::from_raw(KERNEL_CODE)) };
    // SAFETY: descriptor 2 is flat writable ring-0 data, so the stack is where it was.
    unsafe { load_ss(SegmentSelector::from_raw(KERNEL_DATA)) };
    // SAFETY: descriptor 4 is flat writable ring-3 data, so every pointer means what it meant.
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

fn task_descriptor(segment: &Segment) -> Descriptor {
    let (address, limit) = (u64::from(segment.address), u64::from(segment.length - 1));
    let builder: DescriptorBuilder =
        GateDescriptorBuilder::<u32>::tss_descriptor(address, limit, true);
    builder.present().dpl(Ring::Ring0).finish()
}

/// An interrupt gate: the CPU turns interrupts off on the way in.
fn interrupt_gate(stub: Stub, ring: Ring) -> Descriptor {
    let selector = SegmentSelector::from_raw(KERNEL_CODE);
    let builder: DescriptorBuilder =
        GateDescriptorBuilder::<u32>::interrupt_descriptor(selector, stub.0);
    builder.present().dpl(ring).finish()
}

/// A task gate: the CPU stores all registers in the current task state and loads those of another
/// one, the stack pointer included. So it does not matter which stack the interrupted code used.
fn task_gate(task: u16) -> Descriptor {
    let selector = SegmentSelector::from_raw(task);
    let gate: DescriptorBuilder = TaskGateDescriptorBuilder::task_gate_descriptor(selector);
    gate.present().dpl(Ring::Ring0).finish()
}
