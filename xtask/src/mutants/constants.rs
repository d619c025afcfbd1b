//! Which functions the compiler may call when it computes a constant.
//!
//! They are found by name, in the text: each name before a `(` in a constant, a static, the length
//! of an array, an enum or a macro outside of functions; and each such name in a constant function
//! of one of these names. So some are taken for used that are not, and none the other way round.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// The names that constants use.
#[derive(Default)]
pub struct Constants {
    called: BTreeSet<String>,
    /// The names that each constant function calls.
    by_function: BTreeMap<String, BTreeSet<String>>,
}

impl Constants {
    /// Reads all sources below these folders.
    ///
    /// # Errors
    /// One cannot be read, or is no Rust.
    pub fn read(folders: &[&Path]) -> Result<Self> {
        let mut constants = Self::default();
        for folder in folders {
            constants.read_folder(folder)?;
        }
        constants.close();
        Ok(constants)
    }

    /// Whether a constant may call a constant function of this name.
    pub fn call(&self, function: &str) -> bool {
        self.called.contains(function)
    }

    fn read_folder(&mut self, folder: &Path) -> Result<()> {
        let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                self.read_folder(&path)?;
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                self.add(&text).with_context(|| path.display().to_string())?;
            }
        }
        Ok(())
    }

    fn add(&mut self, text: &str) -> Result<()> {
        let file = syn::parse_file(text).context("no Rust")?;
        Reader { text, constants: self }.visit_file(&file);
        Ok(())
    }

    /// Adds what the called functions call, until nothing comes any more.
    fn close(&mut self) {
        let mut new: Vec<String> = self.called.iter().cloned().collect();
        while let Some(name) = new.pop() {
            for name in self.by_function.get(&name).into_iter().flatten() {
                if self.called.insert(name.clone()) {
                    new.push(name.clone());
                }
            }
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    constants: &'a mut Constants,
}

impl Reader<'_> {
    fn constant(&mut self, part: impl Spanned) {
        let names = called(&self.text[part.span().byte_range()]);
        self.constants.called.extend(names);
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        if signature.constness.is_some() {
            let names = called(&self.text[block.span().byte_range()]);
            let name = signature.ident.to_string();
            self.constants.by_function.entry(name).or_default().extend(names);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.constant(item);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.constant(item);
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.constant(item);
    }

    fn visit_trait_item_const(&mut self, item: &'ast syn::TraitItemConst) {
        self.constant(item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.constant(item);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        self.constant(item);
    }

    fn visit_expr_const(&mut self, expr: &'ast syn::ExprConst) {
        self.constant(expr);
    }

    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.constant(&repeat.len);
        self.visit_expr(&repeat.expr);
    }

    fn visit_type_array(&mut self, array: &'ast syn::TypeArray) {
        self.constant(&array.len);
        visit::visit_type_array(self, array);
    }

    fn visit_generic_argument(&mut self, argument: &'ast syn::GenericArgument) {
        if matches!(argument, syn::GenericArgument::Const(_)) {
            self.constant(argument);
        }
        visit::visit_generic_argument(self, argument);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }
}

/// The names before a `(`.
fn called(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let before = text.match_indices('(').map(|(at, _)| text[..at].trim_end());
    let names = before.map(|text| {
        let begin = text.char_indices().rev().take_while(|(_, c)| is_part(*c)).last();
        begin.map_or("", |(at, _)| &text[at..]).to_owned()
    });
    names.filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Constants {
        /// Those of one source.
        pub fn of(text: &str) -> Self {
            let mut constants = Self::default();
            constants.add(text).unwrap();
            constants.close();
            constants
        }
    }

    #[test]
    fn a_function_is_used_by_a_constant_through_others() {
        let text = "const A: [u8; len(2)] = [0; 3];
            const fn len(n: usize) -> usize { deeper (n) }
            const fn deeper(n: usize) -> usize { n }
            const fn never(n: usize) -> usize { n }
            fn f() -> [u8; 4] { const { inline() }; let a: B<{ argument() }>; [never(0); times()] }
            enum E { F = variant() }
            m!(inside(1));
            impl C { const D: u8 = 1 + (of_type()); }";
        let constants = Constants::of(text);
        let wanted =
            ["len", "deeper", "inline", "argument", "times", "variant", "inside", "of_type"];
        wanted.iter().for_each(|name| assert!(constants.call(name), "{name}"));
        assert!(!constants.call("never") && !constants.call("f"));
    }
}
