//! HTML pages out of a template with marks, `@NAME@`.

/// The template with each mark replaced by its part; parts come in the order of their marks.
pub fn filled(template: &str, parts: &[(&str, String)]) -> String {
    let mut page = String::new();
    let mut rest = template;
    for (name, part) in parts {
        let mark = format!("@{name}@");
        let (before, after) = rest
            .split_once(&mark)
            .expect("the page has each mark once, in this order");
        page.push_str(before);
        page.push_str(part);
        rest = after;
    }
    page.push_str(rest);
    page
}

/// As text of an HTML page.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
