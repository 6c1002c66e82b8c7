// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/uri/UriCharacters.h"
#include "appliance/spam/uri/UriList.h"

#include <array>
#include <optional>

namespace portcullis::spam {

using uri::httpLength;
using uri::isAlphanumeric;
using uri::isDigit;
using uri::isWord;
using uri::lower;
using uri::startsCaseless;

namespace {

/// How much of a text may be one URI, as in the peer.
constexpr qsizetype longestUri = 2'048;
constexpr qsizetype longestMailPart = 251;  ///< Each side of the @.
constexpr qsizetype longestHost = 252;      ///< Before the top level domain.
constexpr qsizetype longestPort = 5;

enum Class : quint8 {
    EndsUri = 1,
    EndsMail = 2,       ///< Also what ends a URI, the comma and all beyond ASCII.
    EndsMailbox = 4,    ///< Also the @.
    PrecedesUri = 8,    ///< A URI may begin after it.
    PrecedesHost = 16,  ///< A name without scheme may.
    IsHost = 32,
    IsWordly = 64
};

constexpr std::array<quint8, 256> makeClasses()
{
    std::array<quint8, 256> classes{};
    const auto mark = [&classes](QByteArrayView characters, int flags) {
        for (const char c : characters) {
            auto &entry = classes[static_cast<quint8>(c)];
            entry = static_cast<quint8>(entry | flags);
        }
    };
    // The no-break space of Latin 1 and the escape of ISO 2022 stand between words as spaces do.
    constexpr QByteArrayView spaces(" \t\n\v\f\r\x1b\xa0", 8);
    constexpr int endsAll = EndsUri | EndsMail | EndsMailbox;
    mark(spaces, endsAll | PrecedesUri | PrecedesHost);
    mark("<>\"`{}[]|", endsAll);
    mark(",('", EndsMail | EndsMailbox);
    mark("@", EndsMailbox);
    mark("<>\"'`,{[(|", PrecedesUri);
    mark("!\"#$&'()*+,/:;<=>?@[\\]^`{|}~", PrecedesHost);
    for (int c = 0x80; c < 0x100; ++c) {
        classes[c] |= EndsMail | EndsMailbox;
    }
    for (int c = 0; c < 0x80; ++c) {
        const char letter = static_cast<char>(c);
        if (isWord(letter)) {
            classes[c] |= IsWordly;
        }
        if (isWord(letter) || letter == '.' || letter == '-') {
            classes[c] |= IsHost;
        }
    }
    return classes;
}

constexpr std::array<quint8, 256> classes = makeClasses();

/// Where runs of octets end, asked for growing positions: each octet is looked at once.
class Runs
{
public:
    Runs(QByteArrayView text, quint8 flag, bool isEndFlag)
        : m_text(text)
        , m_flag(flag)
        , m_isEndFlag(isEndFlag)
    {
    }

    qsizetype endFrom(qsizetype at)
    {
        if (at < m_start || at > m_end) {
            m_start = at;
            m_end = at;
            while (m_end < m_text.size() && isInRun(m_text[m_end])) {
                ++m_end;
            }
        }
        return m_end;
    }

private:
    [[nodiscard]] bool isInRun(char c) const
    {
        return ((classes[static_cast<quint8>(c)] & m_flag) != 0) != m_isEndFlag;
    }

    QByteArrayView m_text;
    quint8 m_flag;
    bool m_isEndFlag;
    qsizetype m_start = 0;
    qsizetype m_end = -1;
};

class TextScanner
{
public:
    TextScanner(QByteArrayView text, const DomainTable &domains)
        : m_text(text)
        , m_domains(domains)
        , m_uriRuns(text, EndsUri, true)
        , m_pathRuns(text, EndsUri, true)
        , m_mailtoRuns(text, EndsMail, true)
        , m_mailboxRuns(text, EndsMailbox, true)
        , m_mailDomainRuns(text, EndsMail, true)
        , m_hostRuns(text, IsHost, false)
    {
    }

    std::vector<TextUri> scan()
    {
        std::vector<TextUri> found;
        qsizetype at = 0;
        while (at < m_text.size()) {
            const auto uri = mayBegin(at) ? uriAt(at) : std::nullopt;
            if (uri) {
                found.push_back(*uri);
            }
            at += uri ? uri->text.size() : 1;
        }
        return found;
    }

private:
    [[nodiscard]] bool is(qsizetype at, int flags) const
    {
        return (classes[static_cast<quint8>(m_text[at])] & flags) != 0;
    }

    [[nodiscard]] bool mayBegin(qsizetype at) const
    {
        const bool isWordHere = is(at, IsWordly);
        if (at == 0) {
            return isWordHere;
        }
        if (isWordHere != is(at - 1, IsWordly) || is(at - 1, PrecedesUri)) {
            return true;
        }
        // The shift of an ISO 2022 charset: ESC ( B.
        return at >= 3 && m_text[at - 3] == '\x1b' && m_text[at - 2] == '('
               && m_text[at - 1] != '\n';
    }

    std::optional<TextUri> uriAt(qsizetype at)
    {
        if (const qsizetype end = endOfSchemeUri(at); end > 0) {
            return TextUri{TextUri::Kind::Scheme, m_text.sliced(at, end - at), {}};
        }
        if (const qsizetype end = endOfMail(at); end > 0) {
            return TextUri{TextUri::Kind::Mail, m_text.sliced(at, end - at), {}};
        }
        return schemelessAt(at);
    }

    qsizetype endOfSchemeUri(qsizetype at)
    {
        const QByteArrayView rest = m_text.sliced(at);
        qsizetype prefix = 0;
        switch (lower(rest.front())) {
        case 'h':
            prefix = httpLength(rest);
            break;
        case 'f':
            prefix = startsCaseless(rest, "ftp://") ? 6 : startsCaseless(rest, "ftp.") ? 4 : 0;
            break;
        case 'w':
            prefix = wwwLength(rest);
            break;
        default:
            break;
        }
        if (prefix == 0) {
            return 0;
        }
        const qsizetype start = at + prefix;
        const qsizetype end = m_uriRuns.endFrom(start);
        return end > start && end - start <= longestUri ? end : 0;
    }

    /// Of "www." or "www12." at the beginning.
    static qsizetype wwwLength(QByteArrayView text)
    {
        if (!startsCaseless(text, "www")) {
            return 0;
        }
        qsizetype at = 3;
        while (at < text.size() && at < 5 && isDigit(text[at])) {
            ++at;
        }
        return at < text.size() && text[at] == '.' ? at + 1 : 0;
    }

    qsizetype endOfMail(qsizetype at)
    {
        if (lower(m_text[at]) == 'm' && startsCaseless(m_text.sliced(at), "mailto:")) {
            const qsizetype start = at + 7;
            const qsizetype end = m_mailtoRuns.endFrom(start);
            if (end > start && end - start <= longestUri) {
                return end;
            }
        }
        const qsizetype sign = m_mailboxRuns.endFrom(at);
        if (sign == at || sign >= m_text.size() || m_text[sign] != '@'
            || sign - at > longestMailPart) {
            return 0;
        }
        const qsizetype start = sign + 1;
        const qsizetype end = m_mailDomainRuns.endFrom(start);
        return end > start && end - start <= longestMailPart ? end : 0;
    }

    /// "example.com:8080/path": a name with a valid top level domain, and what may follow it.
    std::optional<TextUri> schemelessAt(qsizetype at)
    {
        if (!isAlphanumeric(m_text[at]) || (at > 0 && !is(at - 1, PrecedesHost))) {
            return std::nullopt;
        }
        const qsizetype runEnd = m_hostRuns.endFrom(at);
        const qsizetype hostEnd = m_text[runEnd - 1] == '.' ? runEnd - 1 : runEnd;
        const QByteArrayView host = m_text.sliced(at, hostEnd - at);
        const qsizetype dot = host.lastIndexOf('.');
        if (dot < 1 || dot > longestHost || !m_domains.isValidTld(host.sliced(dot + 1))) {
            return std::nullopt;
        }
        qsizetype end = endOfPort(runEnd);
        if (end < m_text.size() && m_text[end] == '/') {
            const qsizetype start = end + 1;
            end = m_pathRuns.endFrom(start);
            if (end == start || end - start > longestUri) {
                return std::nullopt;
            }
        }
        if (end < m_text.size() && !is(end, EndsUri)) {
            return std::nullopt;
        }
        return TextUri{TextUri::Kind::Schemeless, m_text.sliced(at, end - at), host};
    }

    [[nodiscard]] qsizetype endOfPort(qsizetype at) const
    {
        if (at >= m_text.size() || m_text[at] != ':') {
            return at;
        }
        qsizetype end = at + 1;
        while (end < m_text.size() && end - at <= longestPort && isDigit(m_text[end])) {
            ++end;
        }
        return end > at + 1 ? end : at;
    }

    QByteArrayView m_text;
    const DomainTable &m_domains;
    Runs m_uriRuns;
    Runs m_pathRuns;
    Runs m_mailtoRuns;
    Runs m_mailboxRuns;
    Runs m_mailDomainRuns;
    Runs m_hostRuns;
};

}  // namespace

std::vector<TextUri> urisInText(QByteArrayView line, const DomainTable &domains)
{
    if (!line.contains('.') && !line.contains('@') && !line.contains(':')) {
        return {};
    }
    return TextScanner(line, domains).scan();
}

}  // namespace portcullis::spam
