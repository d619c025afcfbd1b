//! The emulator's gdb stub, as far as breakpoints and watchpoints need it: the remote serial protocol over a
//! socket.
//!
//! A packet is `$`, text, `#` and two digits of the sum of the text's bytes; each side answers a
//! packet with `+`.

use std::io::{BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// The longest wait for the socket.
const PATIENCE: Duration = Duration::from_secs(20);
/// esp's place among the registers of an i386 in the reply to `g`.
const ESP: usize = 4;

/// A connection to a machine that stands still, or runs to the next breakpoint.
pub struct Stub {
    replies: BufReader<UnixStream>,
    packets: UnixStream,
}

impl Stub {
    /// Connects as soon as the emulator has made the socket.
    ///
    /// # Errors
    /// There is no socket in time.
    pub fn connect(socket: &Path) -> Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        let packets = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                Err(error) => return Err(error).context("the emulator has no gdb stub"),
            }
        };
        let replies = BufReader::new(packets.try_clone()?);
        Ok(Self { replies, packets })
    }

    /// Stops the machine whenever it is about to execute the instruction at `address`.
    ///
    /// # Errors
    /// The stub refuses.
    pub fn insert(&mut self, address: u32) -> Result<()> {
        self.expect_ok(&format!("Z1,{address:x},1"))
    }

    /// Stops the machine behind each instruction that stores into the word at `address`.
    ///
    /// # Errors
    /// The stub refuses.
    pub fn watch(&mut self, address: u32) -> Result<()> {
        self.expect_ok(&format!("Z2,{address:x},4"))
    }

    /// Takes back what [`Stub::watch`] has asked for.
    ///
    /// # Errors
    /// The stub refuses.
    pub fn unwatch(&mut self, address: u32) -> Result<()> {
        self.expect_ok(&format!("z2,{address:x},4"))
    }

    /// Lets the machine run, without breakpoints and without us.
    ///
    /// # Errors
    /// The stub refuses.
    pub fn leave(&mut self) -> Result<()> {
        self.expect_ok("D")
    }

    /// Takes a breakpoint back.
    ///
    /// # Errors
    /// The stub refuses.
    pub fn remove(&mut self, address: u32) -> Result<()> {
        self.expect_ok(&format!("z1,{address:x},1"))
    }

    /// Lets the machine run to the next breakpoint. `false`: it has ended.
    ///
    /// # Errors
    /// Neither came before `deadline`.
    pub fn run(&mut self, deadline: Instant) -> Result<bool> {
        self.resume("c", deadline)
    }

    /// Lets the machine execute one instruction: a breakpoint at that instruction has to be taken
    /// back before. `false`: the machine has ended.
    ///
    /// # Errors
    /// It did not stop before `deadline`.
    pub fn step(&mut self, deadline: Instant) -> Result<bool> {
        self.resume("s", deadline)
    }

    fn resume(&mut self, how: &str, deadline: Instant) -> Result<bool> {
        let left = deadline.saturating_duration_since(Instant::now());
        ensure!(!left.is_zero(), "time is up");
        self.packets.set_read_timeout(Some(left))?;
        self.send(how)?;
        match self.receive() {
            Ok(reply) => Ok(reply.starts_with(['T', 'S'])),
            Err(error) => match error.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
                Some(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => Ok(false),
                Some(ErrorKind::WouldBlock | ErrorKind::TimedOut) => bail!("time is up"),
                _ => Err(error),
            },
        }
    }

    /// The word on top of the stack: at a function's first instruction, where it returns to.
    ///
    /// # Errors
    /// The stub refuses.
    pub fn return_address(&mut self) -> Result<u32> {
        let registers = self.ask("g")?;
        let esp = word(&registers, ESP).context("the stub names no registers of an i386")?;
        let stack = self.ask(&format!("m{esp:x},4"))?;
        word(&stack, 0).with_context(|| format!("the stub cannot read the stack at {esp:#x}"))
    }

    fn expect_ok(&mut self, text: &str) -> Result<()> {
        let reply = self.ask(text)?;
        ensure!(reply == "OK", "the emulator's gdb stub answers `{text}` with `{reply}`");
        Ok(())
    }

    fn ask(&mut self, text: &str) -> Result<String> {
        self.packets.set_read_timeout(Some(PATIENCE))?;
        self.send(text)?;
        self.receive()
    }

    fn send(&mut self, text: &str) -> Result<()> {
        self.packets.write_all(packet(text).as_bytes())?;
        Ok(())
    }

    /// The next packet; the `+` before it belongs to the packet that was sent.
    fn receive(&mut self) -> Result<String> {
        while self.byte()? != b'$' {}
        let mut text = Vec::new();
        loop {
            match self.byte()? {
                b'#' => break,
                byte => text.push(byte),
            }
        }
        // The sum: a socket loses nothing.
        self.byte()?;
        self.byte()?;
        self.packets.write_all(b"+")?;
        Ok(String::from_utf8(text)?)
    }

    fn byte(&mut self) -> Result<u8> {
        let mut byte = [0];
        self.replies.read_exact(&mut byte)?;
        Ok(byte[0])
    }
}

fn packet(text: &str) -> String {
    let sum = text.bytes().fold(0_u8, u8::wrapping_add);
    format!("${text}#{sum:02x}")
}

/// The word at `index` of hexadecimal bytes, the lowest byte first.
fn word(digits: &str, index: usize) -> Option<u32> {
    let digits = digits.get(index * 8..index * 8 + 8)?;
    u32::from_str_radix(digits, 16).ok().map(u32::swap_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_end_with_their_sum_and_words_are_little_endian() {
        assert_eq!(packet("g"), "$g#67");
        assert_eq!(packet("vMustReplyEmpty"), "$vMustReplyEmpty#3a");
        assert_eq!(word("00000000785634120", 1), Some(0x1234_5678));
        assert_eq!(word("0000000078563", 1), None);
    }
}
