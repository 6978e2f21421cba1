//! What became of the records: delays, and whether each arrived once.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::drill::outcome::{
    DelayedShare, Delivery, EventTimeSummary, Interruption, Quantiles, RecordRanges, SinkDelivery,
    Summary,
};
use crate::report::number::{self, count, duration_or_none};

use super::page::{Page, Tone};

pub fn write(page: &mut Page, summary: &Summary) {
    page.section("Records");
    delivery(page, &summary.delivery);
    page.item(&format!(
        "Latency at the sink: {}",
        quantiles(&summary.latency_ms)
    ));
    page.item(&format!(
        "Latency until visible: {}",
        quantiles(&summary.visibility_latency_ms)
    ));
    for job in &summary.event_time {
        event_time(page, job);
    }
    if let Some(interruption) = &summary.interruption {
        interrupted(page, interruption);
    }
}

/// How far behind windows would fire, and what they would drop.
fn event_time(page: &mut Page, job: &EventTimeSummary) {
    let since = job.longest_stall_from_ms;
    let stall = since.map_or("it never stood still".to_owned(), |from| {
        format!(
            "it stood still for {} from {} on",
            number::duration(job.longest_stall_ms),
            number::duration(from)
        )
    });
    page.item(&format!(
        "Event time of {}: behind by {}; {stall}; {} late records",
        job.job,
        quantiles(&job.watermark_lag_ms),
        count(job.late_records)
    ));
}

fn delivery(page: &mut Page, delivery: &Delivery) {
    let broken = delivery.lost + delivery.duplicated > 0;
    let line = format!(
        "{}: {} produced, {} visible, {} on their way, {} lost, {} duplicated",
        delivery.guarantee,
        count(delivery.produced),
        count(delivery.visible),
        count(delivery.pending),
        count(delivery.lost),
        count(delivery.duplicated),
    );
    page.toned_item(if broken { Tone::Bad } else { Tone::Good }, &line);
    for sink in &delivery.sinks {
        of_sink(page, sink);
    }
    for (what, ranges) in [
        ("lost", &delivery.lost_records),
        ("duplicated", &delivery.duplicated_records),
    ] {
        for range in ranges {
            page.toned_item(Tone::Plain, &format!("{what}: {}", offsets(range)));
        }
    }
}

/// Only what an ordinary sink does not have.
fn of_sink(page: &mut Page, sink: &SinkDelivery) {
    if sink.kind != "database" || sink.guarantee != "exactly-once" {
        let line = format!(
            "{} ({}, {}): {} written, {} lost, {} duplicated",
            sink.sink,
            sink.kind,
            sink.guarantee,
            count(sink.written),
            count(sink.lost),
            count(sink.duplicated),
        );
        page.toned_item(Tone::Plain, &line);
    }
    for (what, records) in [
        ("overwritten", sink.overwritten),
        ("behind an open transaction at the end", sink.withheld),
        (
            "transactions whose commit came too late",
            sink.failed_commits,
        ),
    ] {
        if records > 0 {
            page.toned_item(Tone::Plain, &format!("{what}: {}", count(records)));
        }
    }
    if let Some(raw) = &sink.read_uncommitted {
        let line = format!(
            "read_uncommitted: {} records, {} duplicated",
            count(raw.records),
            count(raw.duplicated)
        );
        page.toned_item(Tone::Plain, &line);
    }
    for loss in &sink.losses {
        let records = loss.records.iter().map(|records| records.records).sum();
        let line = format!(
            "{} beyond help at {}: {}",
            number::counted(records, "record"),
            number::duration(loss.at_ms),
            loss.cause,
        );
        page.toned_item(Tone::Plain, &line);
    }
}

/// `transactions partition 4, offsets 30,000–36,250, 40,000–46,249 (12,501 records)`
fn offsets(ranges: &RecordRanges) -> String {
    let listed: Vec<_> = ranges
        .offsets
        .iter()
        .map(|[first, last]| match first == last {
            true => count(*first),
            false => format!("{}–{}", count(*first), count(*last)),
        })
        .collect();
    let covered = ranges
        .offsets
        .iter()
        .map(|[first, last]| last.saturating_sub(*first).saturating_add(1));
    let covered = covered.fold(0, u64::saturating_add);
    let more = if covered < ranges.records {
        ", …"
    } else {
        ""
    };
    format!(
        "{} partition {}, offsets {}{more} ({})",
        ranges.topic,
        ranges.partition,
        listed.join(", "),
        number::counted(ranges.records, "record"),
    )
}

fn quantiles(of: &Quantiles) -> String {
    if of.p50.is_none() && of.max.is_none() {
        return "nothing measured".into();
    }
    format!(
        "p50 {}, p90 {}, p99 {}, max {}",
        duration_or_none(of.p50),
        duration_or_none(of.p90),
        duration_or_none(of.p99),
        duration_or_none(of.max),
    )
}

fn interrupted(page: &mut Page, interruption: &Interruption) {
    page.section(&format!(
        "Interruption of the {} that arrived since the first fault",
        number::counted(interruption.records, "record"),
    ));
    page.item(&format!(
        "Delayed means later than {}.",
        number::duration(interruption.threshold_ms)
    ));
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(page.width() - 1).unwrap_or(u16::MAX));
    table.set_header(["Records", "delayed", "of", "share", "p50", "p99", "max"]);
    for (name, share) in [
        ("all", &interruption.all),
        ("through failed tasks", &interruption.through_failed_tasks),
        ("others", &interruption.others),
    ] {
        table.add_row(row(name, share));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let lines: String = table.lines().map(|line| format!(" {line}\n")).collect();
    page.verbatim(&lines);
}

fn row(name: &str, share: &DelayedShare) -> [String; 7] {
    [
        name.into(),
        count(share.delayed),
        count(share.records),
        share
            .share
            .map_or_else(|| number::NONE.into(), number::share),
        duration_or_none(share.delay_ms.p50),
        duration_or_none(share.delay_ms.p99),
        duration_or_none(share.delay_ms.max),
    ]
}
