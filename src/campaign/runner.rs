//! Runs many cases on several threads, and hands the results out in order: the same whatever the number of threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

/// Does `work` on a pool of `jobs` threads, which rayon's iterators in it then use.
///
/// # Errors
/// When the threads cannot be started.
pub fn on_threads<T: Send>(
    jobs: usize,
    work: impl FnOnce() -> T + Send,
) -> Result<T, rayon::ThreadPoolBuildError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build()?;
    Ok(pool.install(work))
}

/// Computes `work` for every case below `cases`, on `jobs` threads, and gives `take` each result in order. Stops early
/// where `stop` is set. True: all were computed.
///
/// # Errors
/// When the threads cannot be started.
pub fn run<T: Send>(
    cases: usize,
    jobs: usize,
    stop: &AtomicBool,
    work: impl Fn(usize) -> T + Sync,
    mut take: impl FnMut(usize, T),
) -> Result<bool, rayon::ThreadPoolBuildError> {
    // Nobody waits for a case that takes long, but its successors' results do.
    let mut ahead = BTreeMap::new();
    let mut due = 0;
    let work = |case| Some(work(case));
    each(cases, jobs, stop, work, |case, result| {
        ahead.insert(case, result);
        while let Some(result) = ahead.remove(&due) {
            take(due, result);
            due += 1;
        }
        true
    })
}

/// Computes `work` for every case on `jobs` threads, and hands `take` each result as soon as it is there, on the caller's
/// thread. Stops early where `stop` is set, `take` says no, or `work` has nothing: what was being computed is then lost.
/// True: all were computed.
///
/// # Errors
/// When the threads cannot be started.
pub fn run_as_they_come<T: Send>(
    cases: &[u64],
    jobs: usize,
    stop: &AtomicBool,
    work: impl Fn(u64) -> Option<T> + Sync,
    mut take: impl FnMut(T) -> bool,
) -> Result<bool, rayon::ThreadPoolBuildError> {
    let work = |place: usize| work(cases[place]);
    each(cases.len(), jobs, stop, work, |_, result| take(result))
}

/// The same for every place below `cases`, each result with its place.
fn each<T: Send>(
    cases: usize,
    jobs: usize,
    stop: &AtomicBool,
    work: impl Fn(usize) -> Option<T> + Sync,
    mut take: impl FnMut(usize, T) -> bool,
) -> Result<bool, rayon::ThreadPoolBuildError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build()?;
    let next = AtomicUsize::new(0);
    // A thread that is ahead waits: memory stays small though results are taken slowly.
    let (sender, results) = mpsc::sync_channel(pool.current_num_threads());
    let taken = pool.in_place_scope(|scope| {
        for _ in 0..pool.current_num_threads() {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move |_| {
                while !stop.load(Ordering::Relaxed) {
                    let case = next.fetch_add(1, Ordering::Relaxed);
                    if case >= cases {
                        return;
                    }
                    let Some(result) = work(case) else {
                        return;
                    };
                    if sender.send((case, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut taken = 0;
        for (case, result) in results {
            if !take(case, result) {
                stop.store(true, Ordering::Relaxed);
                break;
            }
            taken += 1;
        }
        taken
    });
    Ok(taken == cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_threads() {
        let stop = AtomicBool::new(false);
        for jobs in [1, 2, 5] {
            let mut seen = Vec::new();
            let done = run(
                50,
                jobs,
                &stop,
                |case| case * case,
                |case, square| {
                    assert_eq!(square, case * case);
                    seen.push(case);
                },
            );
            assert!(done.expect("threads start"));
            assert_eq!(seen, (0..50).collect::<Vec<_>>());
        }
        stop.store(true, Ordering::Relaxed);
        let done = run(3, 1, &stop, |case| case, |_, _| panic!("it was stopped"));
        assert!(!done.expect("threads start"));
    }

    #[test]
    fn results_are_handed_out_as_they_come_each_once() {
        let cases: Vec<u64> = (100..150).collect();
        for jobs in [1, 3] {
            let stop = AtomicBool::new(false);
            let mut seen = Vec::new();
            let take = |case| {
                seen.push(case);
                true
            };
            let done = run_as_they_come(&cases, jobs, &stop, Some, take);
            assert!(done.expect("threads start"));
            seen.sort_unstable();
            assert_eq!(seen, cases);
        }
        let stop = AtomicBool::new(false);
        let mut taken = 0;
        let take = |_| {
            taken += 1;
            taken < 5
        };
        let done = run_as_they_come(&cases, 2, &stop, Some, take);
        assert!(!done.expect("threads start"));
        assert_eq!(taken, 5);
    }
}
