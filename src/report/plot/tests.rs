use super::picture::{HEIGHT, Shape, Text, WIDTH};
use super::*;
use crate::report::fixture;

const PLOTS: [Plot; 4] = [
    Plot::LatencyAndLag,
    Plot::TasksOnTaskManagers,
    Plot::RecoveryPhases,
    Plot::MessageSequence,
];

fn texts(picture: &Picture) -> Vec<&Text> {
    let text = |shape: &'_ Shape| matches!(shape, Shape::Text(_));
    picture
        .shapes
        .iter()
        .filter(|shape| text(shape))
        .map(|shape| match shape {
            Shape::Text(text) => text,
            _ => unreachable!(),
        })
        .collect()
}

#[test]
fn no_text_is_cut_off_or_lies_on_another() {
    let mut outcomes = fixture::all();
    outcomes.push(wordy());
    for outcome in outcomes {
        for plot in PLOTS {
            let picture = plot.picture(&outcome);
            let bounds: Vec<_> = texts(&picture)
                .into_iter()
                .map(|text| (text, text.bounds()))
                .collect();
            for (i, (text, ((left, top), (right, bottom)))) in bounds.iter().enumerate() {
                let within = *left >= 0.0 && *top >= 0.0 && *right <= WIDTH && *bottom <= HEIGHT;
                assert!(within, "{}: {text:?} is cut off", picture.title);
                for (other, ((l, t), (r, b))) in &bounds[i + 1..] {
                    let apart = right <= l || r <= left || bottom <= &(t + 2.0) || *b <= top + 2.0;
                    assert!(apart, "{}: {text:?} lies on {other:?}", picture.title);
                }
            }
        }
    }
}

/// Names longer than any picture is wide, and more operators and faults than there are rows for.
fn wordy() -> Outcome {
    let mut outcome = fixture::two_recoveries();
    let long = "cut tm-1 off from every other host ".repeat(12);
    outcome.summary.scenario = long.clone();
    outcome.summary.recoveries[0].fault = long.clone();
    outcome.faults[0].fault = long.clone();
    for i in 0..9 {
        outcome.faults.push(outcome.faults[i % 2].clone());
    }
    for (i, span) in outcome.tasks.iter_mut().enumerate() {
        span.operator = format!("{i} {long}");
        span.task = format!("{i} {long} (1/1)");
        span.partitions = (0..300).collect();
    }
    outcome.taskmanagers[0] = "tm".repeat(100);
    for (i, entry) in outcome.timeline.iter_mut().enumerate() {
        entry.text = format!("{i} {long}");
        entry.actor = format!("{i} {long}");
        for (j, reason) in entry.causes.iter_mut().enumerate() {
            reason.actor = format!("{i}{j} {long}");
        }
    }
    outcome
}

#[test]
fn pngs_are_whole_and_of_one_size() {
    for plot in PLOTS {
        let bytes = plot.artifacts(&fixture::story()).remove(1).bytes;
        let mut reader = ::png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        assert_eq!((reader.info().width, reader.info().height), (1200, 675));
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        let inked = pixels
            .chunks(3)
            .filter(|pixel| pixel != &[255, 255, 255])
            .count();
        assert!(inked > 10_000, "only {inked} pixels are not white");
    }
}

/// Every tag that opens closes, in order, and every text is escaped.
fn check_svg(text: &str) {
    assert!(text.starts_with("<svg width=\"1200\" height=\"675\" viewBox=\"0 0 2400 1350\""));
    let mut open = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let between = &rest[..start];
        assert!(!between.contains('>'), "{between}");
        for entity in between.split('&').skip(1) {
            assert!(
                ["amp;", "lt;", "gt;", "quot;", "apos;"]
                    .iter()
                    .any(|name| entity.starts_with(name))
            );
        }
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        assert!(tag.matches('"').count().is_multiple_of(2), "{tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap());
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty() && rest.trim().is_empty());
}

#[test]
fn svgs_are_well_formed_whatever_the_names() {
    let mut odd = fixture::story();
    odd.summary.scenario = "a <b> & \"c\" 'd'".into();
    odd.summary.recoveries[0].fault = "kill <tm-3> & more".into();
    for outcome in fixture::all().iter().chain([&odd]) {
        for plot in PLOTS {
            check_svg(&String::from_utf8(plot.artifacts(outcome).remove(0).bytes).unwrap());
        }
    }
}

#[test]
fn numbers_that_are_none_do_no_harm() {
    let mut outcome = fixture::two_recoveries();
    outcome.summary.simulated_ms = f64::NAN;
    for point in outcome.latency.iter_mut().step_by(2) {
        point.p50_ms = f64::NAN;
        point.max_ms = f64::INFINITY;
    }
    outcome.phases[0].to_ms = f64::NAN;
    outcome.faults[0].until_ms = Some(f64::NAN);
    outcome.tasks[0].running_ms = Some(f64::NAN);
    outcome.tasks[1].to_ms = Some(f64::NAN);
    for plot in PLOTS {
        assert_eq!(plot.artifacts(&outcome).len(), 2);
    }
}

/// Writes all pictures for looking at: `cargo test write_pictures -- --ignored`.
#[test]
#[ignore = "for looking at the pictures"]
fn write_pictures() {
    let folder = std::env::temp_dir().join("firedrill-pictures");
    std::fs::create_dir_all(&folder).unwrap();
    for (i, outcome) in fixture::all().iter().enumerate() {
        for artifact in crate::report::render(outcome) {
            std::fs::write(
                folder.join(format!("{i}-{}", artifact.name)),
                artifact.bytes,
            )
            .unwrap();
        }
    }
}
