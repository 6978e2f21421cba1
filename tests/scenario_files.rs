//! The shipped scenarios: each loads without a warning, and what it resolves to loads again as the same.

use std::path::PathBuf;

use firedrill::scenario;

fn shipped() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the scenarios are there")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
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

/// The story's own placement, worked out here by the rule of the least loaded.
#[test]
fn the_story_places_tasks_as_told() {
    let (name, text) = shipped()
        .into_iter()
        .find(|(name, _)| name == "fraud-detection.yaml")
        .expect("the story");
    let scenario = scenario::load(&text, &name, &[])
        .unwrap_or_else(|error| panic!("{error}"))
        .scenario;
    let job = &scenario.jobs[0];
    let records_per_s = 5_000.0;
    let need = |operator: usize| {
        let operator = &job.operators[operator];
        records_per_s / f64::from(operator.parallelism) * operator.cpu_per_record.as_secs()
    };
    let capacity: Vec<f64> = scenario
        .cluster
        .taskmanagers
        .iter()
        .map(|tm| f64::from(tm.cpu_millicores) / 1_000.0)
        .collect();
    let mut committed = vec![0.0; capacity.len()];
    for ((operator, _), host) in &job.pins {
        committed[*host] += need(*operator);
    }
    assert_eq!(job.pins.len(), 27, "every task is pinned");
    let mut placed = Vec::new();
    for (operator, subtask) in job
        .pins
        .iter()
        .filter(|(_, host)| **host == 2)
        .map(|(task, _)| *task)
    {
        let left =
            |host: usize| (capacity[host] - committed[host] - need(operator)) / capacity[host];
        let live = [0, 1, 3, 4];
        let best = live
            .into_iter()
            .reduce(|best, host| if left(host) > left(best) { host } else { best })
            .expect("a host");
        let margin = live
            .iter()
            .filter(|host| **host != best)
            .map(|host| left(best) - left(*host))
            .fold(1.0, f64::min);
        // The first partition has two equal hosts and goes to the first of them.
        assert!(
            margin > 0.005 || subtask == 4,
            "{operator} {subtask}: {margin}"
        );
        committed[best] += need(operator);
        let to = &scenario.cluster.taskmanagers[best].name;
        placed.push(format!(
            "{} {subtask} -> {to}",
            job.operators[operator].name
        ));
    }
    let told = [
        "Kafka source 4 -> tm-1",
        "Kafka source 5 -> tm-2",
        "Parse JSON 2 -> tm-4",
        "Enrich Data 2 -> tm-5",
        "Detect Fraud 2 -> tm-4",
    ];
    assert_eq!(placed, told);
}

/// Every key that a shipped scenario or its resolved form uses is in the schema.
#[test]
fn the_schema_knows_every_key() {
    let schema = scenario::schema();
    let properties = schema["properties"].as_object().expect("properties");
    for (name, text) in shipped() {
        let scenario = scenario::load(&text, &name, &[])
            .unwrap_or_else(|error| panic!("{error}"))
            .scenario;
        for line in scenario::resolved_yaml(&scenario)
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_alphabetic()))
        {
            let key = line.split(':').next().unwrap_or_default();
            assert!(properties.contains_key(key), "{key}");
        }
    }
    let required: Vec<&str> = schema["required"]
        .as_array()
        .expect("required")
        .iter()
        .filter_map(|key| key.as_str())
        .collect();
    assert_eq!(required, ["name", "cluster", "topics", "jobs"]);
}
