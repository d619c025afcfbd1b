//! Work that is shared out among threads.

use std::sync::Mutex;

use anyhow::Result;

/// Does this to each item, in their order, with one thread for each worker. After an error no item
/// is begun.
///
/// # Errors
/// The first error of a worker.
pub fn in_parallel<W: Send, T: Send>(
    workers: &mut [W],
    items: impl Iterator<Item = T> + Send,
    act: impl Fn(&mut W, T) -> Result<()> + Sync,
) -> Result<()> {
    let queue = Mutex::new(Some(items));
    let next = || queue.lock().expect("no thread panics with the queue").as_mut()?.next();
    let work = |worker: &mut W| {
        while let Some(item) = next() {
            if let Err(error) = act(worker, item) {
                *queue.lock().expect("no thread panics with the queue") = None;
                return Err(error);
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            workers.iter_mut().map(|worker| scope.spawn(|| work(worker))).collect();
        let ends = threads.into_iter().map(|thread| thread.join().expect("a thread panicked"));
        ends.collect::<Vec<_>>().into_iter().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_done_once_and_none_after_an_error() {
        let mut workers = [Vec::new(), Vec::new()];
        in_parallel(&mut workers, 0..100, |done, item| {
            done.push(item);
            Ok(())
        })
        .unwrap();
        let mut done = workers.concat();
        done.sort_unstable();
        assert_eq!(done, Vec::from_iter(0..100));

        let mut one = [Vec::new()];
        let error = in_parallel(&mut one, 0..100, |done, item| {
            done.push(item);
            if item == 3 { anyhow::bail!("three") } else { Ok(()) }
        });
        assert_eq!(error.unwrap_err().to_string(), "three");
        assert_eq!(one[0], [0, 1, 2, 3]);
    }
}
