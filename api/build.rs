//! Checks the built files of the web console, which the program embeds. If there are any, the tests
//! are compiled with the cfg `console`.

use std::{env, fs, path::Path};

#[path = "build/console_files.rs"]
mod console_files;

/// If it is set to 1, a build without the console fails. For releases.
const REQUIRE: &str = "REQUIRE_CONSOLE";

fn main() {
    let dist = Path::new("../web/console/dist");
    println!("cargo::rustc-check-cfg=cfg(console)");
    println!("cargo::rerun-if-env-changed={REQUIRE}");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed={}", dist.display());
    // An empty directory is embedded, too. Without one, cargo would have nothing to watch, and
    // build this crate again each time.
    if let Err(error) = fs::create_dir_all(dist) {
        println!("cargo::error=failed to create {}: {error}", dist.display());
    }
    #[expect(clippy::disallowed_methods, reason = "a setting of the build")]
    let is_required = env::var_os(REQUIRE).is_some_and(|value| value == "1");
    match console_files::check(dist) {
        Ok(true) => println!("cargo::rustc-cfg=console"),
        Ok(false) if is_required => {
            println!(
                "cargo::error={REQUIRE} is set, but the web console is not built: run `make console`"
            );
        }
        Ok(false) => {}
        Err(reason) => {
            println!("cargo::error={reason}: run `npm run build` in web/console");
        }
    }
}
