//! Tests of the pager's messages: what is encoded is read again, and strange words are refused.

use super::*;

#[test]
fn requests_and_replies_survive_the_wire() {
    let request = Request::Register { child: ProcessId::first(7) };
    let client = ProcessId::first(9);
    for request in [
        request,
        Request::Statistics,
        Request::SetLimit { client, pages: 77 },
        Request::Pages { client },
        Request::Faults { client },
        Request::Space,
        Request::Name { client },
        Request::Aside,
        Request::Transfers,
        Request::Given { client },
        Request::Entries { client, page: 0xF_FFFC },
    ] {
        assert_eq!(Request::decode(request.encode()), Ok(request));
    }
    let pages = Pages { resident: 1, swapped: 2, compressed: 3, unstored: 4 };
    assert_eq!(Pages::decode(pages.encode()), Some(pages));
    let faults = Faults { pages_in: 1, pages_out: 2, limit: 3 };
    assert_eq!(Faults::decode(faults.encode()), Some(faults));
    let given = Given { faults: 1, zeroed: 2, loaded: 3, back: 4 };
    assert_eq!(Given::decode(given.encode()), Some(given));
    assert_eq!(Given::decode([NOT_A_CLIENT; 4]), None);
    let space = Space { slots_used: 1, slots: 2, compressed: 3, arena: 4 };
    assert_eq!(Space::decode(space.encode()), space);
    let transfers = Transfers { reads: 1, pages_read: 2, writes: 3, pages_written: 4 };
    assert_eq!(Transfers::decode(transfers.encode()), transfers);
    let none = [NOT_A_CLIENT; 4];
    assert_eq!((Pages::decode(none), Faults::decode(none)), (None, None));
    let replies = [
        Registered::At { entry: 0x80_0020 },
        Registered::NoSuchProgram,
        Registered::BadImage,
        Registered::NotAClient,
        Registered::Full,
        Registered::NotUnderstood,
    ];
    for reply in replies {
        assert_eq!(Registered::decode(reply.encode()), reply);
    }
    assert!(is_ready(ready()) && !is_ready(request.encode()));
}

#[test]
fn strange_words_are_refused() {
    for words in [
        [0, 0x1000, 0, 0],
        [2, 0x1000, 0, 0],
        [12, 0, 0, 0],
        [11, 0x1000, 0, 0],
        [10, 0x1000, 1, 0],
        [10, 0x1000, 0, 1],
        [9, 0x1000, 1, 0],
        [9, 0x1000, 2, 0],
        [9, 0x1000, 0x10_0000, 0],
        [9, 0x1000, 0, 1],
        [8, 0x1000, 0, 0],
        [7, 0x1000, 1, 0],
        [7, 0x1000, 0, 1],
        [3, 0x1000, 5, 1],
        [4, 0x1000, 5, 0],
        [5, 0x1000, 0, 1],
        [6, 0x1000, 0, 0],
        [1, 0x1000, 1, 0],
        [1, 0x1000, 0, 1],
    ] {
        assert_eq!(Request::decode(words), Err(Error::InvalidArgument), "{words:?}");
    }
    for child in [0, 0x8000_0000] {
        for number in [1, 3, 4, 5, 7, 9, 10] {
            assert_eq!(Request::decode([number, child, 0, 0]), Err(Error::NoSuchProcess));
        }
    }
}

#[test]
fn the_beginning_of_a_name_survives_the_wire() {
    let table = [
        ("", ""),
        ("w", "w"),
        ("fifteen letters", "fifteen letters"),
        ("sixteen letters!", "sixteen letters!"),
        ("seventeen letters", "seventeen letter"),
        // The last character would be cut in two.
        ("fifteen letters\u{e9}", "fifteen letters"),
    ];
    for (name, shown) in table {
        let words = ShortName::new(name).encode();
        assert_eq!(
            ShortName::decode(words).map(|name| name.as_str().to_owned()),
            Some(shown.to_owned())
        );
    }
    assert_eq!(ShortName::decode([NOT_A_CLIENT; 4]), None);
    let no_text = [0xC0C0_C0C0; 4];
    assert_eq!(
        ShortName::decode(no_text).map(|name| name.as_str().to_owned()),
        Some(String::new())
    );
}

#[test]
fn a_name_fits_a_page_or_is_refused() {
    let mut page = [0xAA; 4096];
    put_name(&mut page, "walk").unwrap();
    assert_eq!(name_in(&page), Some("walk"));
    let longest = "x".repeat(NAME_LIMIT);
    put_name(&mut page, &longest).unwrap();
    assert_eq!(name_in(&page), Some(longest.as_str()));
    for name in ["", "a\0b", &"x".repeat(NAME_LIMIT + 1)] {
        assert_eq!(put_name(&mut page, name), None);
    }
    assert_eq!(name_in(&[b'x'; 4096]), None);
    assert_eq!(name_in(&[0; 4096]), None);
    assert_eq!(name_in(&[0xFF; 4096]), None);
}
