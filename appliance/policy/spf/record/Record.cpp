// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/spf/record/Record.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace portcullis::policy::spf {

namespace {

using std::string_view;

constexpr string_view version = "v=spf1";
constexpr int maxParts = 128;  ///< Labels that a name can have (RFC 1035 §2.3.4), about.

// Not those of <cctype>: they follow the locale and are undefined for negative characters.
bool isAlpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}
bool isAlphanumeric(char c)
{
    return isAlpha(c) || isDigit(c);
}
char lowered(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equals(string_view a, string_view b)  ///< Letters of either case (RFC 5234 §2.3).
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lowered(x) == lowered(y); });
}

std::string printable(string_view text)
{
    constexpr std::size_t shown = 60;
    std::string clean(text.substr(0, shown));
    std::replace_if(
        clean.begin(), clean.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return text.size() > shown ? clean + "..." : clean;
}

/// "%{l2r-}", `text` standing behind the brace; it is moved behind the closing one.
std::optional<MacroPiece> takeMacro(string_view &text, MacroUse use)
{
    const string_view letters = use == MacroUse::Domain ? "slodiphv" : "slodiphvcrt";
    MacroPiece piece;
    if (text.empty() || letters.find(lowered(text.front())) == string_view::npos) {
        return std::nullopt;
    }
    piece.letter = lowered(text.front());
    piece.isEscaped = piece.letter != text.front();
    text.remove_prefix(1);
    bool hasDigits = false;
    while (!text.empty() && isDigit(text.front())) {
        // A name has no more parts than that, so more asks for all of them.
        piece.parts = std::min(maxParts, piece.parts * 10 + (text.front() - '0'));
        hasDigits = true;
        text.remove_prefix(1);
    }
    if (hasDigits && piece.parts == 0) {
        return std::nullopt;
    }
    if (!text.empty() && lowered(text.front()) == 'r') {
        piece.isReversed = true;
        text.remove_prefix(1);
    }
    constexpr string_view delimiters = ".-+,/_=";
    while (!text.empty() && delimiters.find(text.front()) != string_view::npos) {
        if (piece.delimiters.find(text.front()) == std::string::npos) {
            piece.delimiters += text.front();
        }
        text.remove_prefix(1);
    }
    if (text.empty() || text.front() != '}') {
        return std::nullopt;
    }
    text.remove_prefix(1);
    return piece;
}

/// toplabel of §7.1: letters, digits and inner hyphens, not digits alone.
bool isTopLabel(string_view label)
{
    return !label.empty() && isAlphanumeric(label.front()) && isAlphanumeric(label.back())
           && std::all_of(label.begin(), label.end(),
                          [](char c) { return isAlphanumeric(c) || c == '-'; })
           && !std::all_of(label.begin(), label.end(), isDigit);
}

/// Nothing if `text` is a domain-spec, else what is wrong.
const char *domainProblem(string_view text)
{
    const auto pieces = splitMacros(text, MacroUse::Domain);
    if (text.empty()) {
        return "a domain is missing";
    }
    if (!pieces) {
        return "the macro syntax is wrong";
    }
    // domain-end is a macro-expand, "%%" included, or a dot and a top label.
    if (text.back() == '}' && pieces->back().letter != 0) {
        return nullptr;
    }
    if (text.size() >= 2) {
        const auto percents = text.find_last_not_of('%', text.size() - 2);
        const std::size_t run = text.size() - 2 - (percents == string_view::npos ? -1 : percents);
        const char last = text.back();
        // An odd number of percent signs before the last character makes it part of an escape.
        if ((last == '%' || last == '_' || last == '-') && run % 2 == 1) {
            return nullptr;
        }
    }
    if (text.back() == '.') {
        text.remove_suffix(1);
    }
    const auto dot = text.rfind('.');
    return dot != string_view::npos && isTopLabel(text.substr(dot + 1))
               ? nullptr
               : "the domain does not end in a top label";
}

/// A prefix length without leading zeros.
std::optional<int> readPrefix(string_view digits, int maximum)
{
    if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits.front() == '0')
        || !std::all_of(digits.begin(), digits.end(), isDigit)) {
        return std::nullopt;
    }
    int value = 0;
    for (const char digit : digits) {
        value = value * 10 + (digit - '0');
    }
    return value <= maximum ? std::optional(value) : std::nullopt;
}

/// Where the digits at the end of `text` begin, if a slash stands before them.
std::optional<std::size_t> trailingPrefix(string_view text)
{
    const auto last = text.find_last_not_of("0123456789");
    return last != string_view::npos && last + 1 < text.size() && text[last] == '/'
               ? std::optional(last + 1)
               : std::nullopt;
}

/// Takes [ip4-cidr-length] ["/" ip6-cidr-length] from the end of `text`.
const char *takePrefixes(string_view &text, Term &term)
{
    if (const auto digits = trailingPrefix(text);
        digits && *digits >= 2 && text[*digits - 2] == '/') {
        const auto prefix = readPrefix(text.substr(*digits), 128);
        if (!prefix) {
            return "the IPv6 prefix length is wrong";
        }
        term.prefix6 = *prefix;
        text = text.substr(0, *digits - 2);
    }
    if (const auto digits = trailingPrefix(text)) {
        const auto prefix = readPrefix(text.substr(*digits), 32);
        if (!prefix) {
            return "the IPv4 prefix length is wrong";
        }
        term.prefix4 = *prefix;
        text = text.substr(0, *digits - 1);
    }
    return nullptr;
}

const char *readNetwork(string_view text, Term &term)
{
    const bool isIp4 = term.type == TermType::Ip4;
    if (const auto slash = text.find('/'); slash != string_view::npos) {
        const auto prefix = readPrefix(text.substr(slash + 1), isIp4 ? 32 : 128);
        if (!prefix) {
            return "the prefix length is wrong";
        }
        (isIp4 ? term.prefix4 : term.prefix6) = *prefix;
        text = text.substr(0, slash);
    }
    const std::string address(text);
    const bool isWhole = address.find('\0') == std::string::npos;
    return isWhole
                   && ::inet_pton(isIp4 ? AF_INET : AF_INET6, address.c_str(), term.network.data())
                          == 1
               ? nullptr
               : "the address is wrong";
}

/// What follows a mechanism's name.
const char *readArguments(string_view rest, Term &term)
{
    const bool hasValue = !rest.empty() && rest.front() == ':';
    switch (term.type) {
    case TermType::All:
        return rest.empty() ? nullptr : "\"all\" takes no argument";
    case TermType::Ip4:
    case TermType::Ip6:
        return hasValue ? readNetwork(rest.substr(1), term) : "an address is missing";
    case TermType::A:
    case TermType::Mx:
        if (const char *problem = takePrefixes(rest, term)) {
            return problem;
        }
        [[fallthrough]];
    case TermType::Ptr:
        if (rest.empty()) {
            return nullptr;
        }
        break;
    case TermType::Include:
    case TermType::Exists:
        break;
    }
    if (rest.empty() || rest.front() != ':') {
        return "a domain is missing";
    }
    term.domainSpec = rest.substr(1);
    return domainProblem(term.domainSpec);
}

const char *readMechanism(string_view text, Term &term)
{
    static constexpr std::pair<string_view, TermType> names[] = {
        {"all", TermType::All}, {"include", TermType::Include}, {"a", TermType::A},
        {"mx", TermType::Mx},   {"ptr", TermType::Ptr},         {"ip4", TermType::Ip4},
        {"ip6", TermType::Ip6}, {"exists", TermType::Exists}};
    term.text = text;
    if (string_view("+-~?").find(text.front()) != string_view::npos) {
        term.qualifier = text.front();
        text.remove_prefix(1);
    }
    const string_view name = text.substr(0, text.find_first_of(":/"));
    for (const auto &[known, type] : names) {
        if (equals(name, known)) {
            term.type = type;
            return readArguments(text.substr(name.size()), term);
        }
    }
    return "unknown mechanism";
}

/// The length of a modifier's name if `text` is a modifier, else 0.
std::size_t modifierNameLength(string_view text)
{
    const auto end = std::find_if_not(text.begin(), text.end(), [](char c) {
        return isAlphanumeric(c) || c == '-' || c == '_' || c == '.';
    });
    const auto length = static_cast<std::size_t>(end - text.begin());
    return length > 0 && isAlpha(text.front()) && end != text.end() && *end == '=' ? length : 0;
}

const char *readModifier(string_view name, string_view value, Record &record)
{
    if (!equals(name, "redirect") && !equals(name, "exp")) {
        // Syntax only: all letters are welcome in what nobody evaluates.
        return splitMacros(value, MacroUse::Explanation) && value.find(' ') == string_view::npos
                   ? nullptr
                   : "the macro syntax is wrong";
    }
    std::string &target = equals(name, "exp") ? record.explanation : record.redirect;
    if (!target.empty()) {
        return "the modifier stands twice";
    }
    target = value;
    return domainProblem(value);
}

}  // namespace

bool isSpfRecord(string_view text)
{
    return equals(text.substr(0, version.size()), version)
           && (text.size() == version.size() || text[version.size()] == ' ');
}

std::variant<Record, std::string> parseRecord(string_view text)
{
    if (!isSpfRecord(text)) {
        return std::string("not an SPF record");
    }
    text.remove_prefix(version.size());
    Record record;
    while (!text.empty()) {
        const auto start = text.find_first_not_of(' ');
        if (start == string_view::npos) {
            break;
        }
        const auto end = std::min(text.find(' ', start), text.size());
        const string_view word = text.substr(start, end - start);
        text.remove_prefix(end);
        const char *problem = nullptr;
        if (const std::size_t name = modifierNameLength(word); name > 0) {
            problem = readModifier(word.substr(0, name), word.substr(name + 1), record);
        } else {
            problem = readMechanism(word, record.terms.emplace_back());
        }
        if (problem != nullptr) {
            return '"' + printable(word) + "\": " + problem;
        }
    }
    return record;
}

std::optional<std::vector<MacroPiece>> splitMacros(string_view text, MacroUse use)
{
    std::vector<MacroPiece> pieces;
    const auto literal = [&pieces]() -> std::string & {
        if (pieces.empty() || pieces.back().letter != 0) {
            pieces.emplace_back();
        }
        return pieces.back().literal;
    };
    while (!text.empty()) {
        const char c = text.front();
        text.remove_prefix(1);
        if (c != '%') {
            if (c < (use == MacroUse::Explanation ? ' ' : '!') || c > '~') {
                return std::nullopt;
            }
            literal() += c;
            continue;
        }
        if (text.empty()) {
            return std::nullopt;
        }
        const char escaped = text.front();
        text.remove_prefix(1);
        if (escaped == '{') {
            auto piece = takeMacro(text, use);
            if (!piece) {
                return std::nullopt;
            }
            pieces.push_back(std::move(*piece));
        } else if (escaped == '%') {
            literal() += '%';
        } else if (escaped == '_') {
            literal() += ' ';
        } else if (escaped == '-') {
            literal() += "%20";
        } else {
            return std::nullopt;
        }
    }
    return pieces;
}

bool hasMacros(string_view text)
{
    return text.find('%') != string_view::npos;
}

std::string urlEscaped(string_view text)
{
    constexpr string_view digits = "0123456789ABCDEF";
    std::string escaped;
    for (const char c : text) {
        if (isAlphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~') {
            escaped += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            escaped += {'%', digits[byte >> 4U], digits[byte & 15U]};
        }
    }
    return escaped;
}

bool covers(const Term &term, string_view address)
{
    const bool isIp4 = term.type == TermType::Ip4;
    if (address.size() != (isIp4 ? 4 : 16)) {
        return false;
    }
    auto bits = static_cast<unsigned>(isIp4 ? term.prefix4 : term.prefix6);
    for (std::size_t i = 0; bits > 0; ++i) {
        const unsigned here = std::min(bits, 8U);
        const unsigned mask = (0xff00U >> here) & 0xffU;
        if (((static_cast<unsigned char>(address[i]) ^ term.network[i]) & mask) != 0) {
            return false;
        }
        bits -= here;
    }
    return true;
}

}  // namespace portcullis::policy::spf
