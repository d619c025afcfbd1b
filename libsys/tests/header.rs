//! `include/vitrine.h` says in C what `kernel/abi` says in Rust: every record and every call. Its
//! numbers are written by `cargo xtask header`.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::offset_of;

use abi::call::{Arguments as _, FaultReply, Number, PageTransfer, RawCall};
use abi::driver::{Line, PortRange};
use abi::fault::FaultRecord;
use abi::jos::{self, JosCall};
use abi::message::{Kind, Message};
use abi::process::Target;
use abi::process_info::{FrameRecord, ProcessInfo, Status};
use abi::registers::UserRegisters;
use abi::trace::{EVENTS, Event};
use abi::transaction::{self, Seen, Wish};
use abi::{Frame, PageRange, Permissions, ProcessId, Syscall, UserPage, ViewSlot};

const HEADER: &str = include_str!("../include/vitrine.h");
const LAYOUT: &str = include_str!("../../kernel/abi/src/layout.rs");
const CALLS: &str = include_str!("calls.txt");

/// Addresses that mean nothing to a program: the kernel's own half.
const KERNELS_OWN: [&str; 5] =
    ["KERNEL_STACKS", "FRAME_TABLE", "FRAME_SLOTS", "ALTERNATE_MAP", "SELF_MAP"];

#[test]
fn every_address_of_the_memory_map_is_in_the_header_or_the_kernels_own() {
    let defined = |name: &&str| HEADER.contains(&format!("#define {name} "));
    let constant = |line: &'static str| line.strip_prefix("pub const ")?.split(':').next();
    let names = LAYOUT.lines().filter_map(constant).filter(|name| !name.starts_with("fn "));
    let missing: Vec<_> =
        names.filter(|name| !defined(name) && !KERNELS_OWN.contains(name)).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn records_have_the_fields_of_the_abi_at_the_same_offsets() {
    macro_rules! fields {
        ($record:ty: $($field:ident)*) => {
            vec![$((stringify!($field).to_owned(), offset_of!($record, $field))),*]
        };
    }
    let facts = fields!(ProcessInfo: registers link id parent kind status runs cpu directory handler
        receiving receive_page value from permissions);
    let fault =
        fields!(FaultRecord: address access edi esi ebp unused ebx edx ecx eax eip eflags esp);
    let registers = fields!(UserRegisters: edi esi ebp ebx edx ecx eax eip eflags esp);
    let frame = fields!(FrameRecord: link count);
    let seen = fields!(Seen: page entry);
    for (record, fields, size) in [
        ("vitrine_process_facts", facts, size_of::<ProcessInfo>()),
        ("vitrine_frame_record", frame, size_of::<FrameRecord>()),
        ("vitrine_seen", seen, size_of::<Seen>()),
        ("vitrine_fault", fault, size_of::<FaultRecord>()),
        ("vitrine_user_registers", registers, size_of::<UserRegisters>()),
    ] {
        assert_eq!(record_in(HEADER, record), (fields, size), "{record}");
    }
}

#[test]
fn an_event_has_its_words_where_the_kernel_stores_them() {
    let (fields, size) = record_in(HEADER, "vitrine_event");
    let names = ["process", "what", "argument", "result"].map(str::to_owned);
    assert_eq!(fields, names.into_iter().zip([0, 4, 8, 12]).collect::<Vec<_>>());
    assert_eq!(size, size_of::<Event>());
    let event =
        Event { process: 1, kind: 2, number: 3, state: 4, flags: 5, argument: 6, result: 7 };
    assert_eq!(event.words(), [1, 0x0504_0302, 6, 7]);
}

#[test]
fn a_jos_trapframe_has_its_registers_where_the_kernel_reads_them() {
    let (fields, size) = record_in(HEADER, "jos_trapframe");
    let used = fields.iter().filter(|(name, _)| !name.starts_with("unused"));
    let used: Vec<_> = used.map(|(name, offset)| (name.as_str(), *offset)).collect();
    let expected = [
        ("edi", 0),
        ("esi", 4),
        ("ebp", 8),
        ("ebx", 16),
        ("edx", 20),
        ("ecx", 24),
        ("eax", 28),
        ("eip", 48),
        ("eflags", 56),
        ("esp", 60),
    ];
    assert_eq!(used, expected);
    assert_eq!(size, jos::TRAPFRAME_WORDS as usize * 4);
}

#[test]
fn a_trap_has_its_registers_where_the_assembly_finds_them() {
    let (fields, size) = record_in(HEADER, "vitrine_trap");
    let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["eax", "edx", "ecx", "ebx", "esi", "edi", "ebp"]);
    assert_eq!(size, 28);
    for (name, offset) in &fields[1..] {
        let load = format!("movl {offset}(%%eax), %%{name}");
        assert!(HEADER.contains(&load), "{load}");
    }
}

#[test]
fn every_native_call_of_the_table_is_the_abis() {
    let table = table();
    let calls = native_calls();
    for (name, call) in &calls {
        let raw = raw_of(&table[*name]);
        assert_eq!(raw, call.encode(), "{name}");
        assert_eq!(Syscall::decode(&raw), Ok(*call), "{name}");
    }
    let numbers: BTreeSet<_> = calls.values().map(|call| call.encode().number()).collect();
    assert_eq!(numbers, Number::ALL.iter().map(|number| *number as u32).collect());
    let named: BTreeSet<_> = table.keys().filter(|name| name.starts_with("vitrine_")).collect();
    assert_eq!(named, calls.keys().collect(), "calls of the table");
}

#[test]
fn every_jos_call_of_the_table_is_the_abis() {
    let table = table();
    let calls = jos_calls();
    for (number, (name, call)) in (0..).zip(&calls) {
        let [eax, edx, ecx, ebx, esi, edi, ebp] = table[*name];
        assert_eq!((eax, ebp), (number, 0), "{name}");
        assert_eq!(JosCall::decode(eax, [edx, ecx, ebx, edi, esi]), Some(*call), "{name}");
    }
    assert_eq!(JosCall::decode(calls.len() as u32, [0; 5]), None);
    assert_eq!(table.keys().filter(|name| name.starts_with("jos_")).count(), calls.len());
}

#[test]
fn every_call_has_a_function_of_its_name() {
    let native = Number::ALL.iter().map(|number| format!("vitrine_{}", number.name()));
    let jos = jos_calls().map(|(name, _)| name.to_owned());
    for function in native.chain(jos) {
        let defines = |result: &str| HEADER.contains(&format!("{result} {function}"));
        assert!(defines("int32_t") || defines("void"), "{function}");
    }
}

#[test]
fn the_message_that_calls_c_takes_apart_is_the_abis() {
    let page = Permissions::WRITE | Permissions::SHARED;
    assert_eq!(Message::header(Kind::Exit, Some(page)), 0x40_2103);
    assert!(include_str!("calls.c").contains("#define HEADER 0x402103"));
}

/// The fields of a record with their offsets, and its size: every field is a word or an array of
/// words.
fn record_in(header: &str, name: &str) -> (Vec<(String, usize)>, usize) {
    let start = format!("struct {name} {{\n");
    let body = header.split(&start).nth(1).and_then(|rest| rest.split("\n};").next());
    let body = body.unwrap_or_else(|| panic!("no struct {name}"));
    let mut fields = Vec::new();
    let mut offset = 0;
    for declaration in body.lines().filter_map(|line| line.trim().strip_prefix("uint32_t ")) {
        let declarator = declaration.split(';').next().unwrap_or_default();
        let (field, length) = match declarator.trim_end_matches(']').split_once('[') {
            Some((field, length)) => (field, length.parse().expect("a length")),
            None => (declarator, 1),
        };
        fields.push((field.to_owned(), offset));
        offset += 4 * length;
    }
    (fields, offset)
}

/// `calls.txt`: the seven registers of each call, by the function's name.
fn table() -> BTreeMap<&'static str, [u32; 7]> {
    let lines = CALLS.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &'static str| {
        let (name, rest) = line.split_once(": ")?;
        let registers = rest.split(" ->").next()?.split(' ');
        let registers: Vec<_> =
            registers.map_while(|word| u32::from_str_radix(word, 16).ok()).collect();
        Some((name, registers.try_into().ok()?))
    };
    lines.map(|line| row(line).unwrap_or_else(|| panic!("cannot read {line}"))).collect()
}

fn raw_of([eax, edx, ecx, ebx, esi, edi, ebp]: &[u32; 7]) -> RawCall {
    RawCall { head: *eax, process: *edx, page: *ecx, words: [*ebx, *esi, *edi, *ebp] }
}

// What `calls.c` passes.
const PAGE: UserPage = UserPage::known(0x1000_0000);
const OTHER_PAGE: UserPage = UserPage::known(0x2000_0000);
const BUFFER: u32 = 0x3000_0000;
const VIEW: ViewSlot = match ViewSlot::new(0x0E0) {
    Ok(view) => view,
    Err(_) => panic!(),
};
const ENTRY: u32 = 0x80_0020;
const ALL: Permissions = Permissions::all();
const MARKS: Permissions = Permissions::PAGER.union(Permissions::COPY_ON_WRITE);
const WORDS: [u32; 4] = [0xA0, 0xA1, 0xA2, 0xA3];

fn id() -> ProcessId {
    ProcessId::first(1)
}

fn other() -> ProcessId {
    ProcessId::first(2)
}

fn share(both: bool) -> Syscall {
    let range = PageRange::new(PAGE, 7).unwrap();
    let (process, to) = (id().into(), other().into());
    Syscall::RangeShare { process, range, to, to_page: OTHER_PAGE, drop: ALL, add: MARKS, both }
}

/// What `calls.c` asks for, call by call.
fn native_calls() -> BTreeMap<&'static str, Syscall> {
    let process: Target = id().into();
    let (child, to, client) = (id(), id(), id());
    let range = PageRange::new(PAGE, 7).unwrap();
    let (page, permissions, address) = (PAGE, ALL, BUFFER);
    let transfer = |send, accept| Some(PageTransfer { page, send, accept });
    let both = transfer(Some(ALL), true);
    let wish = Wish { kind: transaction::Kind::MapBoth, drop: ALL, add: MARKS, distance: 0x1_0000 };
    let map = FaultReply::Map { source: PAGE, destination: OTHER_PAGE, permissions };
    BTreeMap::from([
        ("vitrine_identity", Syscall::Identity),
        ("vitrine_page_allocate", Syscall::PageAllocate { process, page, permissions }),
        (
            "vitrine_page_map",
            Syscall::PageMap {
                process,
                page,
                to: other().into(),
                to_page: OTHER_PAGE,
                permissions,
            },
        ),
        (
            "vitrine_page_move",
            Syscall::PageMove {
                process,
                page,
                to: other().into(),
                to_page: OTHER_PAGE,
                marks: MARKS,
            },
        ),
        ("vitrine_page_unmap", Syscall::PageUnmap { process, page, marks: MARKS }),
        ("vitrine_page_protect", Syscall::PageProtect { process, page, drop: MARKS, add: ALL }),
        ("vitrine_page_copy", Syscall::PageCopy { process, page, permissions }),
        ("vitrine_frame_references", Syscall::FrameReferences { frame: 0x123 }),
        ("vitrine_range_share", share(true)),
        ("vitrine_range_protect", Syscall::RangeProtect { process, range, drop: MARKS, add: ALL }),
        ("vitrine_range_unmap", Syscall::RangeUnmap { process, range, marks: MARKS }),
        ("vitrine_range_allocate", Syscall::RangeAllocate { process, range, permissions }),
        ("vitrine_transact", Syscall::Transact { process, list: BUFFER, pages: 100, wish }),
        ("vitrine_process_create", Syscall::ProcessCreate { copy: true }),
        ("vitrine_process_start", Syscall::ProcessStart { process }),
        ("vitrine_process_stop", Syscall::ProcessStop { process }),
        ("vitrine_registers_read", Syscall::RegistersRead { process, address }),
        ("vitrine_registers_write", Syscall::RegistersWrite { process, address }),
        ("vitrine_events_read", Syscall::EventsRead { process, address, count: EVENTS }),
        ("vitrine_exit", Syscall::Exit { status: 7 }),
        ("vitrine_wait", Syscall::Wait { child: Some(child) }),
        ("vitrine_destroy", Syscall::Destroy { process, subtree: true }),
        ("vitrine_set_quota", Syscall::SetQuota { process, frames: 100, processes: 10 }),
        ("vitrine_usage", Syscall::Usage { process }),
        ("vitrine_machine", Syscall::Machine),
        ("vitrine_set_handler", Syscall::SetHandler { process, address: ENTRY }),
        ("vitrine_set_pager", Syscall::SetPager { process, pager: Some(other()) }),
        ("vitrine_accept_clients", Syscall::AcceptClients { accept: true }),
        ("vitrine_accept_frame_requests", Syscall::AcceptFrameRequests { accept: true }),
        (
            "vitrine_fault_forward",
            Syscall::FaultForward { address: PAGE.address() + 1, access: 6, eip: ENTRY },
        ),
        (
            "vitrine_fault_reply_resume",
            Syscall::FaultReply { process: client, reply: FaultReply::Resume },
        ),
        ("vitrine_fault_reply_map", Syscall::FaultReply { process: client, reply: map }),
        (
            "vitrine_fault_reply_refuse",
            Syscall::FaultReply { process: client, reply: FaultReply::Refuse },
        ),
        ("vitrine_set_fault_timeout", Syscall::SetFaultTimeout { process, milliseconds: 1000 }),
        ("vitrine_clone", Syscall::Clone { child }),
        ("vitrine_send", Syscall::Send { to, words: WORDS, transfer: transfer(Some(ALL), false) }),
        ("vitrine_receive", Syscall::Receive { from: Some(to), transfer: transfer(None, true) }),
        ("vitrine_call", Syscall::Call { to, words: WORDS, transfer: both }),
        ("vitrine_reply", Syscall::Reply { to, words: WORDS, transfer: None }),
        (
            "vitrine_reply_and_receive",
            Syscall::ReplyAndReceive { to, words: WORDS, transfer: both },
        ),
        (
            "vitrine_fault_reply_and_receive",
            Syscall::FaultReplyAndReceive { process: client, reply: map, accept: Some(PAGE) },
        ),
        ("vitrine_clock", Syscall::Clock),
        ("vitrine_sleep", Syscall::Sleep { milliseconds: 1000 }),
        ("vitrine_yield", Syscall::Yield),
        ("vitrine_console_write", Syscall::ConsoleWrite { address, length: 80 }),
        ("vitrine_console_read", Syscall::ConsoleRead { address, length: 80 }),
        ("vitrine_set_console_owner", Syscall::SetConsoleOwner { owner: Some(process) }),
        ("vitrine_view_attach", Syscall::ViewAttach { process, view: VIEW }),
        ("vitrine_view_detach", Syscall::ViewDetach { view: VIEW }),
        ("vitrine_driver_allow", Syscall::DriverAllow { process, allow: true }),
        ("vitrine_ports_allow", Syscall::PortsAllow { ports: PortRange::new(0xCF8, 8).unwrap() }),
        ("vitrine_device_map", Syscall::DeviceMap { frame: Frame::containing(0xFE00_0000), range }),
        ("vitrine_dma_allocate", Syscall::DmaAllocate { range }),
        ("vitrine_dma_release", Syscall::DmaRelease { range }),
        ("vitrine_dma_reclaim", Syscall::DmaReclaim { driver: child }),
        ("vitrine_interrupt_attach", Syscall::InterruptAttach { line: Line::new(11).unwrap() }),
        (
            "vitrine_interrupt_acknowledge",
            Syscall::InterruptAcknowledge { line: Line::new(11).unwrap() },
        ),
    ])
}

/// The same for JOS calls, by number.
fn jos_calls() -> [(&'static str, JosCall); 15] {
    let (env, other) = (id().bits(), other().bits());
    let (va, perm) = (PAGE.address(), jos::KNOWN);
    [
        ("jos_cputs", JosCall::Cputs { address: BUFFER, length: 80 }),
        ("jos_cgetc", JosCall::Cgetc),
        ("jos_getenvid", JosCall::Getenvid),
        ("jos_env_destroy", JosCall::EnvDestroy { env }),
        ("jos_page_alloc", JosCall::PageAlloc { env, va, perm }),
        (
            "jos_page_map",
            JosCall::PageMap {
                source: env,
                source_va: va,
                destination: other,
                destination_va: OTHER_PAGE.address(),
                perm,
            },
        ),
        ("jos_page_unmap", JosCall::PageUnmap { env, va }),
        ("jos_exofork", JosCall::Exofork),
        ("jos_env_set_status", JosCall::EnvSetStatus { env, status: Status::Runnable as u32 }),
        ("jos_env_set_trapframe", JosCall::EnvSetTrapframe { env, frame: BUFFER }),
        ("jos_env_set_pgfault_upcall", JosCall::EnvSetPgfaultUpcall { env, entry: ENTRY }),
        ("jos_yield", JosCall::Yield),
        ("jos_ipc_try_send", JosCall::IpcTrySend { env, value: 42, va, perm }),
        ("jos_ipc_recv", JosCall::IpcRecv { va }),
        ("jos_time_msec", JosCall::TimeMsec),
    ]
}
