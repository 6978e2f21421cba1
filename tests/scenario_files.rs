//! The shipped scenarios: each loads without a warning, and what it resolves to loads again as the same.

use std::path::PathBuf;

use firedrill::scenario;

fn shipped() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the scenarios are there")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a readable scenario");
            (
                path.file_name()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned(),
                text,
            )
        })
        .collect()
}

#[test]
fn shipped_scenarios_load_and_say_what_to_see() {
    let all = shipped();
    assert!(all.len() >= 11, "{}", all.len());
    for (name, text) in all {
        let loaded = scenario::load(&text, &name, &[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.warnings, Vec::<String>::new(), "{name}");
        assert_eq!(format!("{}.yaml", loaded.scenario.name), name);
        assert!(text.starts_with("# What to see: "), "{name}");
    }
}

#[test]
fn resolved_scenarios_load_as_the_same() {
    for (name, text) in shipped() {
        let first = scenario::load(&text, &name, &[])
            .unwrap_or_else(|error| panic!("{error}"))
            .scenario;
        let written = scenario::resolved_yaml(&first);
        let second = scenario::load(&written, "resolved.yaml", &[])
            .unwrap_or_else(|error| panic!("{error}\n{written}"))
            .scenario;
        assert_eq!(first, second, "{written}");
        assert_eq!(written, scenario::resolved_yaml(&second));
    }
}
