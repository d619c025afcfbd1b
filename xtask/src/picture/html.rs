//! The drawing as a page: the picture, and below it every entry as text, for whoever does not see
//! the picture.

use super::moment::Moment;
use super::svg::Drawing;

/// The page.
#[must_use]
pub fn page(run: &str, moments: &[Moment], drawing: &Drawing) -> String {
    let mut entries = String::new();
    for moment in moments {
        for snapshot in &moment.snapshots {
            let (line, owner) = (escape(&moment.line), escape(&snapshot.owner.to_string()));
            entries.push_str(&format!(
                "<details><summary>{owner}, after “{line}”</summary>\n<pre>{}</pre></details>\n",
                escape(&snapshot.to_string())
            ));
        }
    }
    let run = escape(run);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Page tables of {run}</title>\n\
         <style>body{{margin:1rem;font-family:system-ui,sans-serif;background:#fff;color:#222}}\
         svg{{max-width:100%;height:auto}}</style>\n</head>\n<body>\n{}\n\
         <h2>Entries</h2>\n{entries}</body>\n</html>\n",
        drawing.text()
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
