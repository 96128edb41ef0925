//! Compiles `scenarios/` and `fixtures/` into the binary: two sorted arrays of a relative path and the text of that file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What is text and belongs to us. Anything else in the two directories (an editor's backup, say) stays outside.
const EXTENSIONS: [&str; 3] = ["toml", "json", "pem"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let variable = |name: &str| env::var_os(name).map(PathBuf::from).ok_or(format!("cargo did not set {name}"));
    let package = variable("CARGO_MANIFEST_DIR")?;
    let workspace = package.parent().ok_or("the package lies in no workspace")?;
    println!("cargo::rerun-if-changed=build.rs");

    let mut source = String::new();
    for (name, directory, extensions) in [("SCENARIOS", "scenarios", &EXTENSIONS[..1]), ("FIXTURES", "fixtures", &EXTENSIONS[..])] {
        let root = workspace.join(directory);
        // Cargo looks through the whole directory, so a new file is noticed too; while there is no such directory this runs each time.
        // The path is relative to the package: a build folder that was copied along with the sources looks at its own copies.
        println!("cargo::rerun-if-changed=../{directory}");
        let mut files = Vec::new();
        if root.is_dir() {
            collect(&root, extensions, &mut files)?;
        }
        let mut entries = Vec::new();
        for file in &files {
            let relative = text(file.strip_prefix(&root)?)?.replace('\\', "/");
            entries.push((relative, text(file)?));
        }
        entries.sort();
        writeln!(source, "static {name}: &[(&str, &str)] = &[")?;
        for (relative, absolute) in entries {
            writeln!(source, "    ({relative:?}, include_str!({absolute:?})),")?;
        }
        writeln!(source, "];")?;
    }
    let generated = variable("OUT_DIR")?.join("embedded_files.rs");
    if fs::read_to_string(&generated).ok().as_ref() != Some(&source) {
        fs::write(generated, source)?;
    }
    Ok(())
}

/// Adds the files under `directory` that end in one of the extensions.
fn collect(directory: &Path, extensions: &[&str], files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, extensions, files)?;
        } else if path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| extensions.contains(&extension)) {
            files.push(path);
        }
    }
    Ok(())
}

fn text(path: &Path) -> Result<&str, String> {
    path.to_str().ok_or(format!("{} is not UTF-8", path.display()))
}
