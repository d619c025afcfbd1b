//! The disk: a driver of the first virtio block device, which serves reads and writes of pages.
//!
//! It is trusted as the kernel is: there is no IOMMU, so a device can write any frame. It serves
//! the pager and must therefore never wait for the pager: it is loaded whole, has no pager, and
//! takes all its memory before it serves.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod area;
mod device;
mod hal;
mod server;

use libsys::abi::message::{Kind, Message};
use libsys::paging::fixed_pages::TO_INBOX;
use libsys::service::disk::protocol::ready;
use libsys::{Error, args, identity, receive, reply_and_receive, send};

use crate::device::{Device, NoDevice};
use crate::server::Server;

libsys::main!(main, arguments);
libsys::about!("the disk's driver", "disk   (init starts it)");

/// The argument that lets every process open all of the disk.
const EVERYONE: &str = "everyone";

fn main() -> Result<(), NoDevice> {
    let parent = identity().parent.ok_or(Error::NoSuchProcess)?;
    grow_stack_ahead();
    let device = Device::find()?;
    let greeting = ready(device.function().number(), device.sectors());
    let everyone = args().nth(1) == Some(EVERYONE);
    let mut server = Server::new(device, parent, everyone)?;
    send(parent, greeting, None)?;
    let mut message = receive(None, Some(TO_INBOX))?;
    loop {
        let Message { sender, kind, words, page } = message;
        message = match kind {
            Kind::Message => {
                let answer = server.request(sender, words, page);
                reply_and_receive(sender, answer, Some(TO_INBOX))?
            }
            Kind::Interrupt => {
                server.interrupt();
                receive(None, Some(TO_INBOX))?
            }
            Kind::Fault | Kind::Forwarded | Kind::Exit | Kind::Clone | Kind::Frames => {
                receive(None, Some(TO_INBOX))?
            }
        };
    }
}

/// Touches the stack that the work needs, while there is memory.
#[inline(never)]
fn grow_stack_ahead() {
    let mut ahead = [0_u8; 0x8000];
    core::hint::black_box(&mut ahead);
}
