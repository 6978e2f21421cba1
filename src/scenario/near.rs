//! The known name nearest to a misspelt one.

/// `; did you mean ...?` where a candidate is near enough, else the candidates if they are few.
pub fn hint<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    // `tm-9` is near to `tm-1` and to all others; the list says more.
    let number = |near: &str| !same_but_for_digits(wrong, near) || candidates.len() > 24;
    if let Some(near) = nearest(wrong, &candidates).filter(|near| number(near)) {
        return format!("; did you mean `{near}`?");
    }
    match candidates.len() {
        0 => String::new(),
        1..=24 => format!("; known are {}", quoted(&candidates)),
        _ => String::new(),
    }
}

fn same_but_for_digits(one: &str, other: &str) -> bool {
    let letters = |text: &str| {
        text.chars()
            .filter(|c| !c.is_ascii_digit())
            .collect::<String>()
    };
    one.len() == other.len() && letters(one) == letters(other)
}

/// The candidate with the smallest edit distance, if that is small for the length of the word.
pub fn nearest<'a>(wrong: &str, candidates: &[&'a str]) -> Option<&'a str> {
    // Edit distance is quadratic; nobody means a known name by a very long word.
    if wrong.len() > 200 {
        return None;
    }
    let folded = wrong.to_lowercase().replace('_', "-");
    candidates
        .iter()
        .map(|&known| {
            (
                strsim::damerau_levenshtein(&folded, &known.to_lowercase()),
                known,
            )
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, known)| *distance * 3 <= known.chars().count().max(3))
        .map(|(_, known)| known)
}

/// `a`, `b` or `c`, each in backticks.
pub fn quoted(names: &[&str]) -> String {
    let all: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    all.join(", ")
}
