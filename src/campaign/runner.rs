//! Runs many cases on several threads, and hands the results out in order: the same whatever the number of threads.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

/// How many cases are computed before their results are handed out: memory stays small.
const CHUNK_PER_JOB: usize = 8;

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
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build()?;
    let chunk = (jobs * CHUNK_PER_JOB).max(1);
    let mut first = 0;
    while first < cases {
        let end = (first + chunk).min(cases);
        let results: Vec<Option<T>> = pool.install(|| {
            (first..end)
                .into_par_iter()
                .map(|case| (!stop.load(Ordering::Relaxed)).then(|| work(case)))
                .collect()
        });
        for (case, result) in (first..end).zip(results) {
            match result {
                Some(result) => take(case, result),
                None => return Ok(false),
            }
        }
        first = end;
    }
    Ok(true)
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
}
