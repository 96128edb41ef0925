//! Opening a data file: what it has to be, and that whatever it is otherwise stays as it is.
//!
//! A library that opens a database may write to it, be it only a flag. So a file is first opened on trial: what is written then goes into
//! memory, every checksum is compared, and the marks are looked at. Only what has passed is opened for good, under the same lock.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, ReadableDatabase as _, StorageBackend};

use super::tables::{self, ABOUT, FORMAT, FORMAT_KEY};

/// What every file of the library begins with.
const MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";

/// How much of a file is kept in memory.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// Why a data file is not opened. Whatever was there is as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A directory, a pipe, a device.
    #[error("{0}: this is no ordinary file; name a file, or a new name in a folder that exists")]
    NotAFile(PathBuf),
    /// It belongs to something else.
    #[error("{0}: this is no data file of touchstone, and is left as it is; name one that `serve --data` has made, or a new name")]
    Foreign(PathBuf),
    /// Made by a release after this one.
    #[error("{file}: this data file is of format {format}, and this release knows {FORMAT}; it is left as it is")]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its format.
        format: u64,
    },
    /// It was ours, and is damaged.
    #[error("{file}: this data file is damaged, and is left as it is; go on from a copy ({why})")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What the library found.
        why: String,
    },
    /// Somebody has it open.
    #[error("{0}: another process has this data file open")]
    InUse(PathBuf),
    /// The system says no.
    #[error("{file}: {error}")]
    System {
        /// The file.
        file: PathBuf,
        /// What it says.
        error: io::Error,
    },
}

/// Pulled, nothing reaches the file any more: what a killed process leaves behind is what was there before.
#[derive(Clone, Debug, Default)]
pub struct Plug(Arc<AtomicBool>);

impl Plug {
    /// Nothing is written from now on.
    pub fn pull(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was pulled.
    pub fn is_pulled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Opens a data file, or makes a new one.
///
/// # Errors
/// It is not ours, damaged, of a newer release, or open elsewhere.
pub fn open(path: &Path, plug: Plug) -> Result<Database, OpenError> {
    let system = |error| OpenError::System { file: path.to_owned(), error };
    match fs::metadata(path) {
        Ok(there) if !there.is_file() => return Err(OpenError::NotAFile(path.to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path).map_err(system)?,
        Err(error) => return Err(system(error)),
    }
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(system)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => return Err(system(error)),
    }
    let mut begins = Vec::new();
    (&mut file).take(MAGIC.len() as u64).read_to_end(&mut begins).map_err(system)?;
    if begins != MAGIC {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    let damaged = |why: String| OpenError::Damaged { file: path.to_owned(), why };
    let medium = FileBackend::new(file).map_err(|error| damaged(error.to_string()))?;
    let medium = Arc::new(medium);
    // The library promises not to panic over a damaged file when it is asked to check it. Should it do so, the file is damaged all the same.
    let tried = catch_unwind(AssertUnwindSafe(|| try_out(&medium)));
    match tried.unwrap_or_else(|_| Err(Unfit::Damaged("it cannot be read".to_owned()))) {
        Ok(()) => {}
        Err(Unfit::Foreign) => return Err(OpenError::Foreign(path.to_owned())),
        Err(Unfit::Newer(format)) => return Err(OpenError::Newer { file: path.to_owned(), format }),
        Err(Unfit::Damaged(why)) => return Err(damaged(why)),
    }
    builder().create_with_backend(Disk { medium, plug }).map_err(|error| damaged(error.to_string()))
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Makes a file under another name, and gives it its own once it is whole: a name that exists is never half a file.
fn make(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Readable by its owner alone.
    let new = tempfile::Builder::new().prefix(".touchstone-").tempfile_in(folder)?;
    tables::make(&builder().create_with_backend(FileBackend::new(new.reopen()?).map_err(io::Error::other)?).map_err(io::Error::other)?)
        .map_err(io::Error::other)?;
    match new.persist_noclobber(path) {
        Ok(_) => {}
        // Somebody was faster; who may open it is decided by its lock.
        Err(lost) if lost.error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(lost) => return Err(lost.error),
    }
    // The name has to last as well. Where a folder cannot be opened there is no such thing.
    if let Ok(folder) = File::open(folder) {
        folder.sync_all()?;
    }
    Ok(())
}

/// Why a file does not pass.
enum Unfit {
    Foreign,
    Newer(u64),
    Damaged(String),
}

/// Opens a file without writing to it, compares every checksum, and looks at its marks.
fn try_out(medium: &Arc<FileBackend>) -> Result<(), Unfit> {
    let damaged = |error: redb::Error| Unfit::Damaged(error.to_string());
    let trial = Trial::new(medium.clone()).map_err(|error| Unfit::Damaged(error.to_string()))?;
    let opened = builder().set_check_integrity_on_open(true).create_with_backend(trial);
    let database = opened.map_err(|error| match error {
        DatabaseError::UpgradeRequired(_) => Unfit::Foreign,
        error => damaged(error.into()),
    })?;
    let reading = database.begin_read().map_err(|error| damaged(error.into()))?;
    let about = match reading.open_table(ABOUT) {
        Ok(about) => about,
        Err(redb::TableError::Storage(error)) => return Err(damaged(error.into())),
        // A database, but of something else.
        Err(_) => return Err(Unfit::Foreign),
    };
    let format = about.get(FORMAT_KEY).map_err(|error| damaged(error.into()))?.map(|format| format.value());
    match format {
        Some(FORMAT) => tables::are_there(&reading).map_err(|error| damaged(error.into())),
        Some(format) if format > FORMAT => Err(Unfit::Newer(format)),
        _ => Err(Unfit::Foreign),
    }
}

/// The file itself, until the plug is pulled.
#[derive(Debug)]
struct Disk {
    medium: Arc<FileBackend>,
    plug: Plug,
}

impl Disk {
    fn alive(&self) -> Result<(), io::Error> {
        if self.plug.is_pulled() { Err(io::Error::other("the plug is pulled")) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        self.medium.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.medium.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.alive()?;
        self.medium.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.alive()?;
        self.medium.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.alive()?;
        self.medium.write(offset, data)
    }
}

/// A file whose changes stay in memory: a trial makes a handful of them.
#[derive(Debug)]
struct Trial {
    medium: Arc<FileBackend>,
    /// How much of the file is its own still.
    own: AtomicU64,
    len: AtomicU64,
    written: Mutex<Vec<(u64, Vec<u8>)>>,
}

impl Trial {
    fn new(medium: Arc<FileBackend>) -> Result<Self, io::Error> {
        let len = medium.len()?;
        Ok(Self { medium, own: len.into(), len: len.into(), written: Mutex::default() })
    }
}

impl StorageBackend for Trial {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.len.load(Ordering::SeqCst))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let end = offset.saturating_add(out.len() as u64);
        if end > self.len.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        out.fill(0);
        let own = usize::try_from(self.own.load(Ordering::SeqCst).saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
        self.medium.read(offset, &mut out[..own])?;
        for (at, data) in self.written.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let (from, to) = (offset.max(*at), end.min(at + data.len() as u64));
            if from < to {
                let part = |start: u64| (from - start) as usize..(to - start) as usize;
                out[part(offset)].copy_from_slice(&data[part(*at)]);
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.own.fetch_min(len, Ordering::SeqCst);
        self.len.store(len, Ordering::SeqCst);
        self.written.lock().unwrap_or_else(PoisonError::into_inner).retain_mut(|(at, data)| {
            data.truncate(usize::try_from(len.saturating_sub(*at)).unwrap_or(usize::MAX));
            !data.is_empty()
        });
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).push((offset, data.to_vec()));
        Ok(())
    }
}
