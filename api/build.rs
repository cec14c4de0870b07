//! Checks the built files of the web console, which the program embeds, and sets the cfg `console`
//! if there are any.

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
    // Otherwise cargo has nothing to watch, and builds this crate again each time. If it fails, so
    // be it.
    let _ = fs::create_dir_all(dist);
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
