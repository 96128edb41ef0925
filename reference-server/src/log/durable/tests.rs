//! The file and the memory store are the same to whoever asks; a file that is not ours, or not whole, is refused and left as it is.

use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::json;
use tokio::runtime::Runtime;

use super::*;
use crate::log::NewEvent;
use crate::log::memory::Memory;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

fn open(path: &Path) -> Durable {
    Durable::open(path, Plug::default()).expect("a data file")
}

fn batch(id: &str, version: u64, events: usize) -> Batch {
    let new = (0..events).map(|n| NewEvent { kind: "thing.done", payload: json!({ "n": n, "of": id, "zwölf": null }) }).collect();
    Batch { writes: vec![(Aggregate::new("thing", id), version, new)], unique: Vec::new() }
}

/// Everything that is in a store, as text.
fn contents(runtime: &Runtime, store: &dyn Store) -> Vec<String> {
    runtime.block_on(store.read(0, usize::MAX)).expect("a log").iter().map(|event| format!("{event:?}")).collect()
}

/// A file of some size, closed in good order or as a killed process leaves it.
fn written(runtime: &Runtime, killed: bool) -> (tempfile::TempDir, PathBuf, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("op.data");
    let plug = Plug::default();
    let store = Durable::open(&path, plug.clone()).expect("a new file");
    for number in 0..40 {
        let mut batch = batch(&format!("{}", number % 7), number / 7 * 2, 2);
        batch.unique.push(format!("name {number}"));
        runtime.block_on(store.append(batch, 1)).expect("nobody else writes");
    }
    let contents = contents(runtime, &store);
    if killed {
        plug.pull();
    }
    drop(store);
    (folder, path, contents)
}

#[derive(Clone, Debug)]
enum Act {
    /// Aggregate, how far off the version is, events; a name.
    Append(Vec<(u8, i64, usize)>, Option<u8>),
    Load(u8),
    Read(u64, usize),
    Keep(u64),
    Reopen(bool),
}

fn act() -> impl Strategy<Value = Act> {
    let write = (0..4u8, prop_oneof![4 => Just(0i64), 1 => -1..=1i64], 0..3usize);
    prop_oneof![
        6 => (prop::collection::vec(write, 1..3), prop::option::weighted(0.3, 0..6u8)).prop_map(|(w, u)| Act::Append(w, u)),
        2 => (0..5u8).prop_map(Act::Load),
        2 => (0..30u64, 0..10usize).prop_map(|(after, limit)| Act::Read(after, limit)),
        1 => (0..30u64).prop_map(Act::Keep),
        1 => any::<bool>().prop_map(Act::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_asked_the_file_answers_as_memory_does(acts in prop::collection::vec(act(), 0..40)) {
        let runtime = runtime();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("op.data");
        let memory = Memory::default();
        let mut plug = Plug::default();
        let mut store = Some(Durable::open(&path, plug.clone()).expect("a new file"));
        for (at_ms, act) in (0..).zip(acts) {
            let durable = store.as_ref().expect("open");
            match act {
                Act::Append(writes, name) => {
                    let mut batch = Batch::new();
                    for (id, off, events) in writes {
                        let aggregate = Aggregate::new(if id % 2 == 0 { "thing" } else { "thin" }, format!("g/{id}"));
                        let version = runtime.block_on(memory.load(&aggregate)).expect("memory").len() as u64;
                        let version = version.saturating_add_signed(off);
                        let new = (0..events).map(|n| NewEvent { kind: "thing.done", payload: json!({ "n": n }) }).collect();
                        if !batch.writes.iter().any(|(known, ..)| *known == aggregate) {
                            batch.writes.push((aggregate, version, new));
                        }
                    }
                    batch.unique.extend(name.map(|name| format!("name {name}")));
                    let (ours, theirs) = (runtime.block_on(durable.append(batch.clone(), at_ms)), runtime.block_on(memory.append(batch, at_ms)));
                    prop_assert_eq!(format!("{:?}", ours), format!("{:?}", theirs));
                }
                Act::Load(id) => {
                    let aggregate = Aggregate::new("thing", format!("g/{id}"));
                    let (ours, theirs) = (runtime.block_on(durable.load(&aggregate)), runtime.block_on(memory.load(&aggregate)));
                    prop_assert_eq!(format!("{:?}", ours), format!("{:?}", theirs));
                }
                Act::Read(after, limit) => {
                    let (ours, theirs) = (runtime.block_on(durable.read(after, limit)), runtime.block_on(memory.read(after, limit)));
                    prop_assert_eq!(format!("{:?}", ours), format!("{:?}", theirs));
                }
                Act::Keep(position) => {
                    durable.keep_position("somebody", position);
                    memory.keep_position("somebody", position);
                }
                Act::Reopen(killed) => {
                    let opened = durable.opened();
                    if killed {
                        plug.pull();
                    }
                    drop(store.take());
                    plug = Plug::default();
                    let again = Durable::open(&path, plug.clone()).expect("the same file");
                    prop_assert_eq!(again.opened(), opened + 1);
                    if killed {
                        // It may know an earlier position, and is told the later one again.
                        again.keep_position("somebody", memory.position_of("somebody"));
                    }
                    store = Some(again);
                }
            }
            let durable = store.as_ref().expect("open");
            prop_assert_eq!((durable.head(), durable.position_of("somebody")), (memory.head(), memory.position_of("somebody")));
        }
        prop_assert_eq!(contents(&runtime, store.as_ref().expect("open")), contents(&runtime, &memory));
    }
}

#[test]
fn those_who_wait_together_are_answered_together_and_one_after_the_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder.path().join("op.data"));
    let (rung, heads) = std::sync::mpsc::channel();
    store.hang(Box::new(move |head| rung.send(head).expect("somebody listens")));
    let (answers, mut group): (Vec<_>, Vec<_>) = [batch("a", 0, 1), batch("b", 0, 2), batch("a", 0, 1), batch("a", 1, 1)]
        .into_iter()
        .map(|batch| {
            let (answer, answered) = oneshot::channel();
            (answered, Waiting { batch, at_ms: 1, answer })
        })
        .unzip();
    let said = writer::write(&store.shared, &mut group).expect("a file");
    drop(answers);
    assert!(matches!(&said[..], [Ok(1), Ok(3), Err(NotWritten::Changed(aggregate)), Ok(4)] if aggregate.id() == "a"), "{said:?}");
    assert_eq!(heads.try_iter().collect::<Vec<_>>(), [4], "one transaction, one ring");
}

#[test]
fn what_was_answered_before_a_kill_is_there_after_it() {
    let runtime = runtime();
    for pulled_after in [0, 1, 17] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("op.data");
        let plug = Plug::default();
        let store = Durable::open(&path, plug.clone()).expect("a new file");
        let answers = runtime.block_on(async {
            let mut waiting = Vec::new();
            for number in 0..64 {
                if number == pulled_after {
                    plug.pull();
                }
                waiting.push(store.append(batch(&number.to_string(), 0, 1), 1));
            }
            let mut answers = Vec::new();
            for one in waiting {
                answers.push(one.await.is_ok());
            }
            answers
        });
        drop(store);
        let store = open(&path);
        let there: Vec<bool> = (0..64)
            .map(|number| !runtime.block_on(store.load(&Aggregate::new("thing", number.to_string()))).expect("a file").is_empty())
            .collect();
        for number in 0..64 {
            assert!(there[number] || !answers[number], "{number} was answered and is gone");
        }
        assert_eq!(contents(&runtime, &store).len() as u64, store.head());
    }
}

#[test]
fn a_second_opener_is_told_that_somebody_has_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("op.data");
    let first = open(&path);
    let refused = Durable::open(&path, Plug::default()).err().expect("it is open");
    assert_eq!(refused.to_string(), format!("{}: another process has this data file open", path.display()));
    drop(first);
    open(&path);
}

#[test]
fn what_is_not_a_data_file_is_refused_and_left_as_it_is() {
    let runtime = runtime();
    let (_kept, data, _) = written(&runtime, false);
    let whole = std::fs::read(&data).expect("a file");
    let folder = tempfile::tempdir().expect("a folder");
    let other = folder.path().join("other.redb");
    drop(Database::create(&other).expect("a database of something else"));
    let newer = folder.path().join("newer");
    std::fs::copy(&data, &newer).expect("a copy");
    {
        let database = Database::open(&newer).expect("a database");
        let writing = database.begin_write().expect("ours alone");
        writing.open_table(ABOUT).expect("a table").insert("format", 2).expect("a row");
        writing.commit().expect("a disk");
    }
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("empty", Vec::new(), "no data file of touchstone"),
        ("text", b"store = \"durable\"\n".to_vec(), "no data file of touchstone"),
        ("sqlite", [b"SQLite format 3\0".as_slice(), &[0; 4080]].concat(), "no data file of touchstone"),
        ("magic alone", whole[..9].to_vec(), "damaged"),
        ("half", whole[..whole.len() / 2].to_vec(), "damaged"),
        ("another database", std::fs::read(&other).expect("a file"), "no data file of touchstone"),
        ("newer", std::fs::read(&newer).expect("a file"), "of format 2, and this release knows 1"),
    ];
    for (name, bytes, why) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes).expect("a file");
        let before = std::fs::metadata(&path).and_then(|there| there.modified()).expect("a time");
        let refused = Durable::open(&path, Plug::default()).err().unwrap_or_else(|| panic!("{name} was opened")).to_string();
        assert!(refused.contains(why) && refused.starts_with(&path.display().to_string()), "{name}: {refused}");
        assert_eq!(std::fs::read(&path).expect("a file"), bytes, "{name} was written to");
        assert_eq!(std::fs::metadata(&path).and_then(|there| there.modified()).expect("a time"), before, "{name}");
    }
    assert!(matches!(Durable::open(folder.path(), Plug::default()), Err(OpenError::NotAFile(_))));
    assert!(matches!(Durable::open(&folder.path().join("none/op.data"), Plug::default()), Err(OpenError::System { .. })));
    let left = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 8, "nothing else lies about");
}

/// Any one byte: the file is refused and left as it is, or the byte said nothing and all is there.
fn damaged(killed: bool, places: impl Fn(usize) -> Vec<usize>) {
    let runtime = runtime();
    let (folder, path, wanted) = written(&runtime, killed);
    let whole = std::fs::read(&path).expect("a file");
    let copy = folder.path().join("copy");
    let mut refused = 0;
    for place in places(whole.len()) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        std::fs::write(&copy, &bytes).expect("a file");
        match Durable::open(&copy, Plug::default()) {
            Ok(store) => assert_eq!(contents(&runtime, &store), wanted, "byte {place}"),
            Err(OpenError::Damaged { .. } | OpenError::Foreign(_)) => {
                refused += 1;
                assert_eq!(std::fs::read(&copy).expect("a file"), bytes, "byte {place}");
            }
            Err(error) => panic!("byte {place}: {error}"),
        }
    }
    assert!(refused > 0);
}

#[test]
fn one_damaged_byte_is_found_wherever_it_matters() {
    // The head of the file, and then here and there.
    damaged(false, |len| (0..320).step_by(9).chain((320..len).step_by(len / 24 + 1)).collect());
    damaged(true, |len| (0..320).step_by(11).chain((320..len).step_by(len / 24 + 1)).collect());
}
