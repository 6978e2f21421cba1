use super::*;

/// A row as a small sweep might have it.
pub fn row(case: u64, variant: usize, seed: u64, total_ms: Option<f64>) -> Row {
    let mut phases_ms = [0.0; 9];
    phases_ms[0] = total_ms.unwrap_or(60_000.0);
    Row {
        case,
        variant,
        settings: vec![format!("{variant} s")],
        seed,
        digest: format!("{case:032x}"),
        events: 1_000,
        verdict: Verdict::Met,
        ending: match total_ms {
            Some(_) => Ending::CaughtUp,
            None => Ending::NotCaughtUp,
        },
        recoveries: 1,
        phases_ms,
        total_ms,
        all_recoveries_ms: total_ms,
        restarts: 1,
        restarted_tasks: 5,
        replayed_records: 10,
        reprocessed_records: 11,
        in_flight_log_max_bytes: 12,
        produced: 100,
        visible: 90,
        lost: 0,
        duplicated: 0,
        overwritten: 4,
        withheld: 5,
        failed_commits: 6,
        delayed_share: Some(0.125),
        others_delayed_share: None,
        others_max_ms: Some(2.5),
        latency_p50_ms: Some(1.5),
        latency_p99_ms: Some(3.0),
        latency_max_ms: total_ms,
        visibility_p99_ms: None,
        visibility_max_ms: Some(7.0),
        watermark_lag_max_ms: Some(8.0),
        event_time_stall_ms: None,
        late_records: Some(9.0),
        checkpoints_completed: 3,
        checkpoints_failed: 1,
        checkpoint_p50_ms: Some(1.0 / 3.0),
        checkpoint_overhead: Some(0.01),
        rebalances: 0,
        failed_jobs: 0,
        job_status: "RUNNING".to_owned(),
        not_recovered: total_ms
            .map_or("kill tm-1: no slots, since 5 s", |_| "")
            .to_owned(),
        safety: Vec::new(),
        liveness: vec!["recovers".to_owned(), "drains".to_owned()],
        violations: 2,
        unmet: vec!["2".to_owned()],
    }
}

#[test]
fn a_row_reads_as_it_was_written() {
    for total in [Some(41_234.567_891), None] {
        let row = row(7, 1, 3, total);
        let fields = row.fields();
        assert_eq!(fields.len(), Row::header(&["key".to_owned()]).len());
        assert_eq!(Row::read(&fields, 1), Some(row));
        assert_eq!(Row::read(&fields, 2), None);
        assert_eq!(Row::read(&fields[..fields.len() - 1], 1), None);
    }
}
