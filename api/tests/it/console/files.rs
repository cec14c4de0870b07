//! Tests of the check that a build of the console is complete, which `api/build.rs` runs.

#[path = "../../../build/console_files.rs"]
mod console_files;

use std::{fs, path::Path};

use tempfile::TempDir;

use self::console_files::check;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/console");

/// Copies the complete build of the tests.
fn complete() -> TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    for folder in ["", ".vite", "assets"] {
        let to = copy.path().join(folder);
        fs::create_dir_all(&to).expect("a folder");
        for entry in fs::read_dir(Path::new(FIXTURE).join(folder)).expect("a folder") {
            let entry = entry.expect("an entry");
            if entry.path().is_file() {
                fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
            }
        }
    }
    copy
}

#[test]
fn a_complete_build_is_accepted() {
    let build = complete();
    assert_eq!(check(build.path()), Ok(true));
}

#[test]
fn no_build_is_no_error() {
    let empty = tempfile::tempdir().expect("a folder");
    assert_eq!(check(empty.path()), Ok(false));
    assert_eq!(check(&empty.path().join("dist")), Ok(false));
}

#[test]
fn each_missing_file_is_an_error_that_names_it() {
    let build = complete();
    let mut names = 0;
    for folder in ["", ".vite", "assets"] {
        for entry in fs::read_dir(build.path().join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                continue;
            }
            let content = fs::read(&path).expect("read");
            fs::remove_file(&path).expect("removed");
            let name = path.file_name().and_then(|it| it.to_str()).expect("text");
            let error = check(build.path()).expect_err(name);
            assert!(error.contains(name), "{name} is not in: {error}");
            fs::write(&path, content).expect("written");
            names += 1;
        }
    }
    assert!(names > 20, "{names}");
    assert_eq!(check(build.path()), Ok(true));
}

#[test]
fn a_file_that_only_a_page_or_the_manifest_names_must_exist() {
    for (file, before, after, missing) in [
        (
            "index.html",
            "assets/icon-Cc3dE6gH.svg",
            "assets/icon-new.svg",
            "assets/icon-new.svg",
        ),
        (
            "stock.html",
            "../assets/main-Ab3dE6gH.js",
            "/assets/main-new.js",
            "assets/main-new.js",
        ),
        (
            ".vite/manifest.json",
            "assets/main-Bb3dE6gH.css",
            "assets/new.css",
            "assets/new.css",
        ),
        (".vite/manifest.json", "{", "[", ".vite/manifest.json"),
        (
            ".vite/manifest.json",
            "assets/icon-Cc3dE6gH.svg",
            "assets/new.svg",
            "assets/new.svg.br",
        ),
    ] {
        let build = complete();
        let path = build.path().join(file);
        let text = fs::read_to_string(&path).expect("read");
        assert!(text.contains(before), "{before} is not in {file}");
        fs::write(&path, text.replacen(before, after, 1)).expect("written");
        let error = check(build.path()).expect_err(file);
        assert!(error.contains(missing), "{missing} is not in: {error}");
    }
}

#[test]
fn an_asset_that_no_list_names_must_be_compressed() {
    let build = complete();
    fs::write(build.path().join("assets/worker-Ee3dE6gH.js"), "").expect("written");
    let error = check(build.path()).expect_err("an error");
    let missing = "assets/worker-Ee3dE6gH.js.br, assets/worker-Ee3dE6gH.js.gz";
    assert!(error.ends_with(missing), "{error}");
}
