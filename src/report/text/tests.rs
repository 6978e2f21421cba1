use super::*;
use crate::report::fixture;

#[test]
fn the_story_reads_as_it_should() {
    insta::assert_snapshot!(text(
        &fixture::story(),
        80,
        false,
        Some("reports/fraud-detection")
    ));
}

#[test]
fn what_went_wrong_is_said() {
    insta::assert_snapshot!(text(&fixture::never_caught_up(), 120, false, None));
}

#[test]
fn lines_keep_to_the_width() {
    for outcome in fixture::all() {
        for width in [80, 120] {
            for line in text(&outcome, width, false, Some("reports/x")).lines() {
                assert!(line.chars().count() <= width, "{line}");
                assert_eq!(line, line.trim_end());
            }
        }
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    let plain = text(&fixture::story(), 100, false, None);
    assert!(!plain.contains('\x1b') && !plain.contains('█'));
    let coloured = text(&fixture::story(), 100, true, None);
    assert!(coloured.contains("\x1b[") && coloured.lines().count() == plain.lines().count());
}

#[test]
fn one_line_tells_the_run() {
    assert_eq!(
        short(&fixture::story()),
        "fraud-detection · model story · seed 1: recovered in 47.55 s, 0 lost, 0 duplicated, \
         all 4 invariants hold (4,816 checks), 1 of 2 expectations met"
    );
    assert!(short(&fixture::never_caught_up()).contains("not recovered, 12,501 lost"));
}
