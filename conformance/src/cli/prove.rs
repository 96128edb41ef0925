use super::{ProveArgs, Stop};
pub fn prove(_: &ProveArgs) -> Result<u8, Stop> {
    Ok(0)
}
