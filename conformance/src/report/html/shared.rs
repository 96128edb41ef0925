//! What several checks have in common stands once: exchanges and tokens below the checks, arrows in one picture that the others point at.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::diagram::{Diagram, Mark, diagram};
use super::escaped;
use super::exchanges::{Block, blocks};
use crate::transcript::Transcript;

/// A piece that is the same wherever it is used.
#[derive(Debug, Default)]
struct Piece {
    number: usize,
    uses: usize,
}

/// All pieces of a page.
#[derive(Debug, Default)]
pub struct Shared {
    blocks: BTreeMap<Block, Piece>,
    marks: BTreeMap<Mark, usize>,
}

/// What one check shows.
#[derive(Debug)]
pub struct Parts {
    blocks: Vec<Block>,
    diagram: Diagram,
}

impl Shared {
    /// Takes in a walk. One that is shown `whole` needs nothing from elsewhere.
    pub fn take(&mut self, t: &Transcript, form: &Value, whole: bool) -> Parts {
        let parts = Parts { blocks: blocks(form), diagram: diagram(t, form) };
        for block in parts.blocks.iter().filter(|b| !whole && b.can_be_shared()) {
            let number = self.blocks.len() + 1;
            let piece = self.blocks.entry(block.clone()).or_insert(Piece { number, uses: 0 });
            piece.uses += 1;
        }
        for (_, mark) in &parts.diagram.marks {
            let number = self.marks.len();
            self.marks.entry(mark.clone()).or_insert(number);
        }
        parts
    }

    /// Exchanges and tokens of a check, in HTML.
    pub fn text(&self, parts: &Parts, whole: bool) -> String {
        let mut html = String::new();
        for block in &parts.blocks {
            match self.blocks.get(block).filter(|piece| piece.uses > 1 && !whole) {
                Some(piece) => {
                    let _ = write!(html, "<p class=x><a href=#x{}>{}</a></p>", piece.number, escaped(&block.head));
                }
                None => html.push_str(&block.html()),
            }
        }
        html
    }

    /// What stands below the checks: the anchor and the HTML of each.
    pub fn several(&self) -> Vec<(String, String)> {
        let mut several: Vec<_> = self.blocks.iter().filter(|(_, piece)| piece.uses > 1).collect();
        several.sort_by_key(|(_, piece)| piece.number);
        several.into_iter().map(|(block, piece)| (format!("x{}", piece.number), block.html())).collect()
    }

    /// The picture of a check.
    pub fn picture(&self, parts: &Parts) -> String {
        parts.diagram.svg(&|mark| self.marks.get(mark).copied().unwrap_or_default())
    }

    /// Every arrow and every line, once.
    pub fn marks(&self) -> String {
        let mut marks: Vec<_> = self.marks.iter().collect();
        marks.sort_by_key(|(_, number)| **number);
        marks.into_iter().map(|(mark, number)| format!("<g id=m{number}>{}</g>", mark.svg())).collect()
    }
}
