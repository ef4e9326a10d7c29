//! Writes `messages/` (prost structs) and `schema.rs` (what the canonical walker reads) from the protos.
//!
//! `protogen PROTO_ROOT OUT FILE…`: files are named relative to `PROTO_ROOT`; the output is not formatted.

mod messages;
mod schema;

use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(root), Some(out)) = (args.next(), args.next()) else {
        return Err("usage: protogen PROTO_ROOT OUT FILE…".into());
    };
    let root = PathBuf::from(root);
    let files: Vec<PathBuf> = args.map(|file| root.join(file)).collect();
    let set = protox::compile(&files, [&root])?;
    let out = Path::new(&out);
    std::fs::write(out.join("schema.rs"), schema::write(&set)?)?;
    messages::write(set, &out.join("messages"))
}
