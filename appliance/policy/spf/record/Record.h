// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The SPF record as RFC 7208 §12 spells it, strictly: what this parser lets through is what libspf2
/// may see, piece by piece. Plain C++, because the worker that uses it has no Qt.
namespace portcullis::policy::spf {

enum class TermType : std::uint8_t { All, Include, A, Mx, Ptr, Ip4, Ip6, Exists };

/// A mechanism.
struct Term {
    TermType type = TermType::All;
    char qualifier = '+';
    std::string text;        ///< As written, for people.
    std::string domainSpec;  ///< Macro string; empty: the current domain.
    int prefix4 = 32;
    int prefix6 = 128;
    std::array<std::uint8_t, 16> network{};  ///< Of ip4 (first four bytes) and ip6.
};

struct Record {
    std::vector<Term> terms;
    std::string redirect;     ///< Macro string; empty: no redirect.
    std::string explanation;  ///< Macro string of exp=; empty: none.
};

/// Whether a TXT record is an SPF record at all (§4.5): "v=spf1", then a space or nothing.
bool isSpfRecord(std::string_view text);

/// The record, or what is wrong with it, in printable ASCII.
std::variant<Record, std::string> parseRecord(std::string_view text);

/// One piece of a macro string (§7): a literal if `letter` is 0.
struct MacroPiece {
    std::string literal;     ///< With %%, %_ and %- replaced already.
    char letter = 0;         ///< Lower case.
    bool isEscaped = false;  ///< Written in upper case: the value is to be URL-escaped.
    int parts = 0;           ///< Right-hand parts to keep; 0: all.
    bool isReversed = false;
    std::string delimiters;  ///< Empty: the dot.
};

/// Explanations may be free text with spaces and may use c, r and t (§7.2).
enum class MacroUse : std::uint8_t { Domain, Explanation };

/// The pieces of a macro string; nothing if its syntax is wrong.
std::optional<std::vector<MacroPiece>> splitMacros(std::string_view text, MacroUse use);

/// Whether expanding `text` gives something else than `text` itself.
bool hasMacros(std::string_view text);

/// Percent-encoding of everything but RFC 3986's unreserved characters (§7.3).
std::string urlEscaped(std::string_view text);

/// Whether `address` (4 or 16 bytes) lies in the network of an ip4 or ip6 term.
bool covers(const Term &term, std::string_view address);

}  // namespace portcullis::policy::spf
