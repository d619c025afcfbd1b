//! Finds the places of a source that can have mutants.

use std::ops::Range;

use anyhow::{Context, Result};
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, UnOp};

use super::constants::Constants;

/// A part of a file's text, in bytes.
pub type Part = Range<usize>;

/// An expression, a body or an arm of a `match` that has mutants.
pub struct Site {
    /// What is written anew. Nothing, if something is inserted.
    pub whole: Part,
    pub form: Form,
    pub in_constants: bool,
    /// What is put there, and the place of the mutant in the list.
    pub replaced: Vec<(String, usize)>,
    /// The mutant that deletes the arm.
    pub deleted: Vec<(String, usize)>,
}

pub enum Form {
    /// An operator of two values, or of two places that a comparison borrows.
    Binary { left: Part, operator: Part, right: Part, borrows: bool },
    /// `&&` and `||`.
    Logic { left: Part, operator: Part, right: Part },
    /// `+=` and its like.
    Assign { place: Part, operator: Part, value: Part },
    /// `!` and `-`.
    Unary { operator: Part, operand: Part },
    /// An arm, and its guard.
    Arm { arm: Part, guard: Option<Part> },
    /// A field of a value that takes its other fields from `base`.
    Field { field: Part, name: String, value: Option<Part>, base: Part },
    /// The statements of a function.
    Body { statements: Part },
}

impl Form {
    /// An expression can be the whole of a guard or of a field: then these are around it.
    pub const fn rank(&self) -> u8 {
        match self {
            Self::Arm { .. } | Self::Field { .. } => 0,
            _ => 1,
        }
    }
}

impl Site {
    /// Where a mutant belongs that puts `new` at this place, if it belongs here.
    pub fn takes(&mut self, place: Part, new: &str) -> Option<&mut Vec<(String, usize)>> {
        let is_here = match &self.form {
            Form::Arm { arm, .. } if *arm == place && new.is_empty() => {
                return Some(&mut self.deleted);
            }
            Form::Arm { guard, .. } => *guard == Some(place) && matches!(new, "true" | "false"),
            Form::Binary { operator, .. } | Form::Assign { operator, .. } => *operator == place,
            Form::Logic { operator, .. } => *operator == place && matches!(new, "&&" | "||"),
            Form::Unary { operator, .. } => *operator == place && new.is_empty(),
            Form::Field { field, .. } => *field == place && new.is_empty(),
            Form::Body { statements } => *statements == place,
        };
        is_here.then_some(&mut self.replaced)
    }

    pub fn is_empty(&self) -> bool {
        self.mutants().next().is_none()
    }

    /// In the order of their numbers.
    pub fn mutants(&self) -> impl Iterator<Item = &(String, usize)> {
        self.deleted.iter().chain(&self.replaced)
    }
}

/// Everything in the text that can have mutants, and has none yet.
///
/// # Errors
/// The text is no Rust.
pub fn sites(text: &str, constants: &Constants) -> Result<Vec<Site>> {
    let file = syn::parse_file(text).context("no Rust")?;
    let mut finder = Finder { text, sites: Vec::new(), constants, in_constants: false };
    finder.visit_file(&file);
    Ok(finder.sites)
}

/// Finds what can have mutants.
struct Finder<'a> {
    text: &'a str,
    sites: Vec<Site>,
    constants: &'a Constants,
    /// Whether a constant may call the function that is visited.
    in_constants: bool,
}

impl Finder<'_> {
    fn add(&mut self, whole: Part, form: Form) {
        let (replaced, deleted) = (Vec::new(), Vec::new());
        let in_constants = self.in_constants;
        self.sites.push(Site { whole, form, in_constants, replaced, deleted });
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let outer = self.in_constants;
        let is_const = signature.constness.is_some();
        self.in_constants = is_const && self.constants.call(&signature.ident.to_string());
        if let (Some(first), Some(last)) = (block.stmts.first(), block.stmts.last()) {
            let begin = part(block.brace_token.span.open()).end;
            let statements = part(first.span()).start..part(last.span()).end;
            // Its statements decide which type an `impl` is.
            if !self.text[part(signature.output.span())].contains("impl ") {
                self.add(begin..begin, Form::Body { statements });
            }
        }
        self.visit_block(block);
        self.in_constants = outer;
    }

    fn binary(&mut self, binary: &syn::ExprBinary) {
        use BinOp as Op;
        let whole = part(binary.span());
        let (left, operator, right) =
            (part(binary.left.span()), part(binary.op.span()), part(binary.right.span()));
        let form = match binary.op {
            Op::And(_) | Op::Or(_) if is_let(&binary.left) || is_let(&binary.right) => return,
            Op::And(_) | Op::Or(_) => Form::Logic { left, operator, right },
            Op::AddAssign(_)
            | Op::SubAssign(_)
            | Op::MulAssign(_)
            | Op::DivAssign(_)
            | Op::RemAssign(_)
            | Op::BitXorAssign(_)
            | Op::BitAndAssign(_)
            | Op::BitOrAssign(_)
            | Op::ShlAssign(_)
            | Op::ShrAssign(_) => {
                // The place is written once for each mutant, and a line keeps its number.
                if self.text[left.clone()].contains('\n') {
                    return;
                }
                Form::Assign { place: left, operator, value: right }
            }
            Op::Eq(_) | Op::Lt(_) | Op::Le(_) | Op::Ne(_) | Op::Ge(_) | Op::Gt(_) => {
                Form::Binary { left, operator, right, borrows: true }
            }
            _ => Form::Binary { left, operator, right, borrows: false },
        };
        self.add(whole, form);
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        self.binary(binary);
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        if matches!(unary.op, UnOp::Not(_) | UnOp::Neg(_)) {
            let (operator, operand) = (part(unary.op.span()), part(unary.expr.span()));
            self.add(part(unary.span()), Form::Unary { operator, operand });
        }
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_struct(&mut self, whole: &'ast syn::ExprStruct) {
        for pair in whole.fields.pairs() {
            let (Some(base), syn::Member::Named(name)) = (&whole.rest, &pair.value().member) else {
                continue;
            };
            let field = part(pair.value().span());
            let end = pair.punct().map_or(field.end, |comma| part(comma.span()).end);
            let base = part(base.span());
            let value = pair.value().colon_token.as_ref().map(|_| part(pair.value().expr.span()));
            let written = value.clone().unwrap_or(field.clone());
            let (field, name) = (field.start..end, name.to_string());
            if !self.text[base.clone()].contains('\n') {
                self.add(written, Form::Field { field, name, value, base });
            }
        }
        visit::visit_expr_struct(self, whole);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let guard = arm.guard.as_ref().map(|(_, guard)| guard);
        if !guard.is_some_and(|guard| is_let(guard)) {
            let guard = guard.map(|guard| part(guard.span()));
            let after_pattern = part(arm.pat.span()).end;
            let whole = guard.clone().unwrap_or(after_pattern..after_pattern);
            self.add(whole, Form::Arm { arm: part(arm.span()), guard });
        }
        visit::visit_arm(self, arm);
    }

    // What the compiler computes.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_item_enum(&mut self, _: &'ast syn::ItemEnum) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_path_arguments(&mut self, _: &'ast syn::PathArguments) {}

    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.visit_expr(&call.receiver);
        call.args.iter().for_each(|argument| self.visit_expr(argument));
    }
}

/// Whether the expression binds names, in a chain of conditions.
fn is_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) if matches!(binary.op, BinOp::And(_) | BinOp::Or(_)) => {
            is_let(&binary.left) || is_let(&binary.right)
        }
        _ => false,
    }
}

fn part(span: Span) -> Part {
    span.byte_range()
}
