//! The check that the build of the web console is complete.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// The pages that the program serves.
const PAGES: [&str; 5] = [
    "graphiql.html",
    "index.html",
    "index-without-graphiql.html",
    "stock.html",
    "stock-without-graphiql.html",
];
/// What Vite built, with the files that each module needs.
const MANIFEST: &str = ".vite/manifest.json";
/// The compressed files beside each file.
const COMPRESSED: [&str; 2] = ["br", "gz"];

/// Checks that every page, every file that the manifest or a page names, and their compressed files
/// exist. Returns `false` if the console is not built: `dist` is missing or empty.
///
/// # Errors
///
/// A message that lists the missing files, or names a file that cannot be read.
pub(crate) fn check(dist: &Path) -> Result<bool, String> {
    let found = files(dist).map_err(|error| format!("cannot read {}: {error}", dist.display()))?;
    if found.is_empty() {
        return Ok(false);
    }
    let read = |name: &str| {
        let path = dist.join(name);
        fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))
    };
    let mut required: BTreeSet<String> = PAGES.map(str::to_owned).into();
    let manifest = read(MANIFEST)?;
    required.extend(
        in_manifest(&manifest)
            .map_err(|error| format!("{}: {error}", dist.join(MANIFEST).display()))?,
    );
    for page in PAGES.iter().filter(|page| found.contains(**page)) {
        required.extend(in_page(&read(page)?));
    }
    // Workers and lazy styles are in no list, so every file counts.
    let is_served = |name: &&String| {
        let path = Path::new(name);
        let extension = path.extension().and_then(|it| it.to_str()).unwrap_or("");
        !name.starts_with('.') && !COMPRESSED.contains(&extension)
    };
    required.extend(found.iter().filter(is_served).cloned());
    let compressed: Vec<_> = required
        .iter()
        .flat_map(|name| COMPRESSED.map(|extension| format!("{name}.{extension}")))
        .collect();
    required.extend(compressed);
    let missing: Vec<_> = required.difference(&found).map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(true);
    }
    let missing = missing.join(", ");
    Err(format!("{} lacks {missing}", dist.display()))
}

/// Returns the names of all files below a directory, relative to it.
fn files(directory: &Path) -> io::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(relative) = directories.pop() {
        let entries = match fs::read_dir(directory.join(&relative)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let path = relative.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                directories.push(path);
            } else {
                found.insert(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    Ok(found)
}

/// Returns the files that the manifest names.
fn in_manifest(text: &str) -> Result<Vec<String>, String> {
    let manifest: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let entries = manifest.as_object().ok_or("not an object")?;
    let mut named = Vec::new();
    for entry in entries.values() {
        let lists =
            ["css", "assets"].map(|key| entry[key].as_array().map_or(&[][..], Vec::as_slice));
        let listed = lists.into_iter().flatten().chain([&entry["file"]]);
        named.extend(listed.filter_map(Value::as_str).map(str::to_owned));
    }
    if named.is_empty() {
        return Err("names no file".to_owned());
    }
    Ok(named)
}

/// Returns the files that an HTML page names in `src` and `href`.
fn in_page(text: &str) -> Vec<String> {
    let attributes = ["src=\"", "href=\""];
    let values = attributes
        .iter()
        .flat_map(|attribute| text.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next());
    let is_file = |value: &&str| !value.starts_with('#') && !value.contains(':');
    let names = values.filter(is_file);
    names
        .map(|name| name.trim_start_matches(['.', '/']).to_owned())
        .collect()
}
