// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/LineTokens.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

using View = QByteArrayView;

bool isUpper(char c)
{
    return c >= 'A' && c <= 'Z';
}

bool isLetter(char c)
{
    return isUpper(c) || (c >= 'a' && c <= 'z');
}

/// \w for octets.
bool isWordCharacter(char c)
{
    return isLetter(c) || (c >= '0' && c <= '9') || c == '_';
}

/// \s for octets.
bool isSpace(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool isContinuation(char c)
{
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// Length of the UTF-8 sequence that begins here, by its first octet; 1 if it is none or not whole.
qsizetype sequenceLength(View text, qsizetype at)
{
    const auto first = static_cast<unsigned char>(text[at]);
    const qsizetype length = first >= 0xC0 && first <= 0xDF   ? 2
                             : first >= 0xE0 && first <= 0xEF ? 3
                             : first >= 0xF0 && first <= 0xF4 ? 4
                                                              : 1;
    if (at + length > text.size()) {
        return 1;
    }
    const bool isWhole = std::all_of(text.begin() + at + 1, text.begin() + at + length,
                                     isContinuation);
    return isWhole ? length : 1;
}

/// Characters of which words are made besides letters and digits: quotes, dots and dashes for names of
/// hosts, [$,] for sums of money, @ for addresses.
bool isKept(char c)
{
    return isWordCharacter(c) || View(",@*!'\"$. -").contains(c);
}

/// Everything that is not part of words becomes a space; characters of UTF-8 stay whole.
void keepWords(View line, QByteArray &out)
{
    out.resize(0);
    for (qsizetype at = 0; at < line.size();) {
        const char c = line[at];
        if (static_cast<unsigned char>(c) < 0x80) {
            out.append(isKept(c) ? c : ' ');
            ++at;
            continue;
        }
        const qsizetype length = sequenceLength(line, at);
        const bool isOctetKept = length > 1 || static_cast<unsigned char>(c) >= 0xA1;
        if (isOctetKept) {
            out.append(line.sliced(at, length));
        } else {
            out.append(' ');
        }
        at += length;
    }
}

/// "well...then" becomes three words: runs of `mark` between word characters stand alone. A run shorter
/// than `least` or longer than 6 stays.
void splitRuns(const QByteArray &line, char mark, qsizetype least, QByteArray &out)
{
    out.resize(0);
    qsizetype free = 0;  // Where the character before a run may be from: each is used once.
    for (qsizetype at = 0; at < line.size();) {
        if (line[at] != mark) {
            out.append(line[at++]);
            continue;
        }
        qsizetype end = at;
        while (end < line.size() && line[end] == mark) {
            ++end;
        }
        const qsizetype length = end - at;
        const bool stands = length >= least && length <= 6 && at - 1 >= free
                            && isWordCharacter(line[at - 1]) && end < line.size()
                            && isWordCharacter(line[end]);
        if (stands) {
            out.append(' ').append(line.constData() + at, length).append(' ');
            free = end + 1;
        } else {
            out.append(line.constData() + at, length);
        }
        at = end;
    }
}

/// Where a capital that begins a sentence may stand: behind a full stop and white space.
std::optional<qsizetype> capitalAfterStop(const QByteArray &line, qsizetype stop)
{
    qsizetype at = stop + 1;
    while (at < line.size() && isSpace(line[at])) {
        ++at;
    }
    const bool isCapital = at > stop + 1 && at < line.size() && isUpper(line[at]);
    return isCapital ? std::optional(at) : std::nullopt;
}

/// End of the stretch without capitals that follows one, cut back to its last white space unless the
/// line ends with it; nothing: there is no such stretch.
struct Stretch {
    qsizetype end;   ///< Behind the text.
    qsizetype next;  ///< Where to go on: behind the white space.
};
std::optional<Stretch> stretchAfter(const QByteArray &line, qsizetype capital)
{
    qsizetype end = capital + 1;
    while (end < line.size() && !isUpper(line[end])) {
        ++end;
    }
    if (end == line.size()) {
        return end > capital + 1 ? std::optional(Stretch{end, end}) : std::nullopt;
    }
    while (--end > capital + 1) {
        if (isSpace(line[end])) {
            return Stretch{end, end + 1};
        }
    }
    return std::nullopt;
}

/// Words that are written with a capital only because a sentence begins lose it.
void lowerTitleCase(const QByteArray &line, QByteArray &out)
{
    out.resize(0);
    for (qsizetype at = 0; at < line.size();) {
        std::optional<qsizetype> capital;
        if (at == 0 && isUpper(line[0])) {
            capital = 0;
        } else if (line[at] == '.') {
            capital = capitalAfterStop(line, at);
        }
        const auto stretch = capital ? stretchAfter(line, *capital) : std::nullopt;
        if (!stretch) {
            out.append(line[at++]);
            continue;
        }
        out.append(' ').append(char(line[*capital] | 0x20));
        out.append(line.constData() + *capital + 1, stretch->end - *capital - 1).append(' ');
        at = stretch->next;
    }
}

bool isTrimmed(char c)
{
    return c == '-' || c == '\'' || c == '"' || c == '.' || c == ',';
}

View trimmedWord(View word)
{
    while (!word.isEmpty() && isTrimmed(word.front())) {
        word = word.sliced(1);
    }
    while (!word.isEmpty() && isTrimmed(word.back())) {
        word.chop(1);
    }
    return word;
}

/// The rest of a name without its first label; empty: no more.
View parentDomain(View name)
{
    const qsizetype dot = name.indexOf('.');
    return dot >= 1 && dot + 1 < name.size() ? name.sliced(dot + 1) : View();
}

/// The sign of an address that stands between two characters, as far right as there is one.
qsizetype addressSign(View text)
{
    const qsizetype at = text.size() > 1 ? text.lastIndexOf('@', text.size() - 2) : -1;
    return at >= 1 ? at : -1;
}

bool hasAddress(View word)
{
    for (qsizetype i = 1; i + 1 < word.size(); ++i) {
        if (word[i] == '@') {
            return true;
        }
    }
    return false;
}

bool hasHostName(View word)
{
    for (qsizetype i = 1; i + 1 < word.size(); ++i) {
        if (word[i] == '.' && isLetter(word[i + 1])) {
            return true;
        }
    }
    return false;
}

bool hasTwoContinuations(View word)
{
    const auto isLatter = [](char a, char b) { return isContinuation(a) && isContinuation(b); };
    return std::adjacent_find(word.begin(), word.end(), isLatter) != word.end();
}

bool isPlainCharacter(char c)
{
    return isWordCharacter(c) || c == ':' || c == '*';
}

constexpr View skipMark("sk:");
constexpr qsizetype skipCharacters = 7;

/// Octets of the first seven characters; nothing if less than two octets follow.
qsizetype skipLength(View word)
{
    qsizetype at = 0;
    for (qsizetype i = 0; i < skipCharacters && at < word.size(); ++i) {
        at += sequenceLength(word, at);
    }
    return word.size() - at >= 2 ? at : 0;
}

}  // namespace

LineTokens::LineTokens(const BayesSettings &settings,
                       const TokenLimits &limits,
                       TokenCollector &out)
    : m_settings(settings)
    , m_limits(limits)
    , m_out(out)
{
}

void LineTokens::add(View line, View prefix, TokenRegion region)
{
    keepWords(line, m_line);
    splitRuns(m_line, '.', 3, m_spare);
    splitRuns(m_spare, '-', 2, m_line);
    if (region != TokenRegion::Header) {
        lowerTitleCase(m_line, m_spare);
        m_line.swap(m_spare);
    }
    const View all(m_line);
    for (qsizetype at = 0; at < all.size();) {
        if (all[at] == ' ') {
            ++at;
            continue;
        }
        qsizetype end = all.indexOf(' ', at);
        end = end < 0 ? all.size() : end;
        addWord(trimmedWord(all.sliced(at, end - at)), prefix, region);
        at = end;
    }
}

bool LineTokens::isStopWord(View word)
{
    return m_settings.stopWords.contains(word);
}

void LineTokens::addWord(View word, View prefix, TokenRegion region)
{
    if (word.size() < 3 || isStopWord(word)) {
        return;
    }
    const bool isText = region != TokenRegion::Header;
    if (isText) {
        addNames(word);
    }
    // Words with * are names of parts, "D*example.com", and stay whole.
    const bool isLong = word.size() > m_settings.maxTokenLength && !word.contains('*');
    if (isLong && addLong(word, prefix, region)) {
        return;
    }
    if (isText) {
        addPlainer(word, prefix);
    }
    m_out.add(prefix, word);
}

void LineTokens::addNames(View word)
{
    if (hasAddress(word)) {
        for (const QByteArray &part : ofAddress(word, m_limits.domainLabels)) {
            m_out.add({}, part);
        }
    } else if (hasHostName(word)) {
        View name = word;
        for (int i = 0; i < m_limits.domainLabels && !name.isEmpty(); ++i) {
            m_out.add("UD:", name);
            name = parentDomain(name);
        }
    }
}

bool LineTokens::addLong(View &word, View prefix, TokenRegion region)
{
    if (hasTwoContinuations(word)) {
        bool isAny = false;
        const QByteArray mark = prefix.toByteArray() + "u8:";
        for (qsizetype at = 0; at < word.size();) {
            const qsizetype length = sequenceLength(word, at);
            if (length >= 3) {
                m_out.add(mark, word.sliced(at, length));
                isAny = true;
            }
            at += length;
        }
        if (isAny) {
            return true;
        }
    }
    if (region != TokenRegion::Uri) {
        if (const qsizetype length = skipLength(word); length > 0) {
            m_word = skipMark.toByteArray();
            m_word.append(word.first(length));
            word = m_word;
        }
    }
    return false;
}

void LineTokens::addPlainer(View word, View prefix)
{
    const bool hasMarks = !std::all_of(word.begin(), word.end(), isPlainCharacter);
    const auto addWithoutMarks = [&](View text) {
        m_plain.resize(0);
        std::copy_if(text.begin(), text.end(), std::back_inserter(m_plain), isPlainCharacter);
        m_out.add(prefix, m_plain);
    };
    if (hasMarks) {
        addWithoutMarks(word);
    }
    if (std::any_of(word.begin(), word.end(), isUpper)) {
        QByteArray lower = word.toByteArray();
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](char c) { return isUpper(c) ? char(c | 0x20) : c; });
        m_out.add(prefix, lower);
        if (hasMarks) {
            addWithoutMarks(lower);
        }
    }
}

std::vector<QByteArray> LineTokens::ofAddress(View address, int labels)
{
    const qsizetype sign = addressSign(address);
    if (sign < 0) {
        return {};
    }
    std::vector<QByteArray> parts{QByteArray("U*") + address.first(sign).toByteArray()};
    View domain = address.sliced(sign + 1);
    for (int i = 0; i < labels && !domain.isEmpty(); ++i) {
        parts.push_back(QByteArray("D*") + domain.toByteArray());
        domain = parentDomain(domain);
    }
    return parts;
}

}  // namespace portcullis::spam
