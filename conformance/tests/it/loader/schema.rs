//! The JSON Schema that editors read is the one that the loader's lists make.

use std::fs;
use std::path::Path;

use conformance::scenario::schema::schema;

/// `UPDATE_SCHEMA=1 cargo test -p conformance schema` writes it.
#[test]
fn the_committed_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenario.schema.json");
    let made = format!("{:#}\n", schema());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == made, "{} is out of date; UPDATE_SCHEMA=1 writes it anew", path.display());
}
