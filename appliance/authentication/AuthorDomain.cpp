// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/authentication/AuthorDomain.h"

#include "appliance/authentication/TagList.h"

#include <QtCore/QList>
#include <QtCore/QUrl>

#include <algorithm>
#include <set>

namespace portcullis::authentication {

namespace {

constexpr qsizetype c_longestFrom = 16 * 1024;
constexpr int c_mostMailboxes = 50;
constexpr int c_deepestComment = 20;

bool isFromBlank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// RFC 5322 atext and the dot; octets of UTF-8 as RFC 6532 allows them.
bool isAddressChar(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || static_cast<unsigned char>(c) > 0x7F
           || QByteArrayView("!#$%&'*+-/=?^_`{|}~.").contains(c);
}

/// Reads a From value octet by octet. Anything that the grammar does not plainly allow ends it.
class FromReader
{
public:
    explicit FromReader(QByteArrayView value)
        : m_value(value)
    {
    }

    /// False: problem() says why. Else domains() holds those of all mailboxes.
    bool read()
    {
        do {
            if (!readMailbox()) {
                return false;
            }
            if (m_at < m_value.size() && m_value[m_at] != ',') {
                return refuse("text behind the address");
            }
            if (++m_mailboxes > c_mostMailboxes) {
                return refuse("too many addresses");
            }
        } while (m_at++ < m_value.size());
        return true;
    }

    [[nodiscard]] const std::set<QByteArray> &domains() const { return m_domains; }
    [[nodiscard]] const QByteArray &problem() const { return m_problem; }

private:
    bool refuse(const QByteArray &reason)
    {
        m_problem = reason;
        return false;
    }

    [[nodiscard]] bool atEnd() const { return m_at >= m_value.size(); }

    // Words, then an address in brackets; or an address alone.
    bool readMailbox()
    {
        QByteArray phrase;
        while (!atEnd()) {
            const char c = m_value[m_at];
            if (isFromBlank(c)) {
                phrase.append(' ');
                ++m_at;
            } else if (c == '(') {
                if (!skipComment()) {
                    return false;
                }
                phrase.append(' ');
            } else if (c == '"') {
                if (!skipQuoted(phrase)) {
                    return false;
                }
            } else if (c == '<') {
                return readBracketed(phrase);
            } else if (c == ',') {
                break;
            } else if (c == '@' || isAddressChar(c)) {
                phrase.append(c);
                ++m_at;
            } else {
                return refuse(c == ':' || c == ';' ? "a group stands for the author"
                                                   : "a character that cannot stand there");
            }
        }
        return readBare(phrase.trimmed());
    }

    bool skipComment()
    {
        int depth = 0;
        for (; !atEnd(); ++m_at) {
            const char c = m_value[m_at];
            if (c == '\\') {
                ++m_at;
            } else if (c == '(' && ++depth > c_deepestComment) {
                return refuse("comments too deep");
            } else if (c == ')' && --depth == 0) {
                ++m_at;
                return true;
            }
        }
        return refuse("a comment without end");
    }

    // The content does not matter, but that something stood there does.
    bool skipQuoted(QByteArray &phrase)
    {
        for (++m_at; !atEnd(); ++m_at) {
            if (m_value[m_at] == '\\') {
                ++m_at;
            } else if (m_value[m_at] == '"') {
                ++m_at;
                phrase.append('"');
                return true;
            }
        }
        return refuse("a quoted name without end");
    }

    bool readBracketed(const QByteArray &phrase)
    {
        const qsizetype begin = ++m_at;
        QByteArray ignored;
        while (!atEnd() && m_value[m_at] != '>') {
            if (m_value[m_at] == '"') {
                if (!skipQuoted(ignored)) {
                    return false;
                }
            } else if (m_value[m_at] == '<') {
                return refuse("brackets within brackets");
            } else {
                ++m_at;
            }
        }
        if (atEnd()) {
            return refuse("a bracket without end");
        }
        const QByteArrayView address = m_value.sliced(begin, m_at++ - begin);
        if (!addAddress(address.trimmed()) || !phraseAgrees(phrase)) {
            return false;
        }
        return skipBlanksAndComments();
    }

    bool skipBlanksAndComments()
    {
        while (!atEnd()) {
            if (m_value[m_at] == '(') {
                if (!skipComment()) {
                    return false;
                }
            } else if (!isFromBlank(m_value[m_at])) {
                break;
            } else {
                ++m_at;
            }
        }
        return true;
    }

    // `a@example.org` without brackets. A quoted local part has become one quote by now.
    bool readBare(const QByteArray &text)
    {
        if (std::any_of(text.begin(), text.end(), isFromBlank)) {
            return refuse("several words and no address in brackets");
        }
        return addAddress(text);
    }

    bool addAddress(QByteArrayView address)
    {
        const qsizetype at = address.lastIndexOf('@');
        if (at <= 0) {
            return refuse("no address");
        }
        const QByteArrayView local = address.first(at);
        const bool isQuoted = local.startsWith('"') && (local.size() == 1 || local.endsWith('"'));
        if (!isQuoted && !std::all_of(local.begin(), local.end(), isAddressChar)) {
            return refuse("an address that readers take apart in different ways");
        }
        const QByteArray domain = asciiDomain(address.sliced(at + 1).toByteArray());
        if (!isDomainName(domain, 1)) {
            return refuse("no domain name in the address");
        }
        m_domains.insert(domain);
        return true;
    }

    static QByteArray asciiDomain(const QByteArray &domain)
    {
        const bool isAscii = std::all_of(domain.begin(), domain.end(), [](char c) {
            return static_cast<unsigned char>(c) < 0x80;
        });
        // Empty where IDNA refuses the name.
        return isAscii ? domain.toLower()
                       : QUrl::toAce(QString::fromUtf8(domain), QUrl::IgnoreIDNWhitelist);
    }

    // `bob@example.org <bob@example.org>` is common; another domain there is a trap for readers that
    // take the first address they see.
    bool phraseAgrees(const QByteArray &phrase)
    {
        if (!phrase.contains('@')) {
            return true;
        }
        for (const QByteArray &word : phrase.simplified().split(' ')) {
            const qsizetype at = word.lastIndexOf('@');
            if (at >= 0 && m_domains.count(asciiDomain(word.mid(at + 1))) == 0) {
                return refuse("a second address of another domain stands in the name");
            }
        }
        return true;
    }

    QByteArrayView m_value;
    qsizetype m_at = 0;
    int m_mailboxes = 0;
    std::set<QByteArray> m_domains;
    QByteArray m_problem;
};

bool hasControls(QByteArrayView value)
{
    for (qsizetype i = 0; i < value.size(); ++i) {
        const auto c = static_cast<unsigned char>(value[i]);
        const bool isFold = c == '\r' && i + 2 < value.size() && value[i + 1] == '\n'
                            && (value[i + 2] == ' ' || value[i + 2] == '\t');
        if (isFold) {
            ++i;
        } else if ((c < ' ' && c != '\t') || c == 0x7F) {
            return true;
        }
    }
    return false;
}

AuthorDomain forged(const QByteArray &reason)
{
    return {{}, true, "From: " + reason};
}

}  // namespace

AuthorDomain authorDomain(const ReceivedMessage &message)
{
    if (message.isOverLimit()) {
        return forged("the header is too large");
    }
    const auto fields = message.fieldsNamed("From");
    if (fields.empty()) {
        return forged("there is none");
    }
    if (fields.size() > 1) {
        return forged("there are several fields");
    }
    if (message.hasLineLike("from")) {
        return forged("a further line looks like one to some readers");
    }
    const mail::HeaderField &field = *fields.front();
    const QByteArrayView octets = message.octets(field);
    if (octets.size() <= field.name().size() || octets[field.name().size()] != ':') {
        return forged("a blank stands before the colon");
    }
    if (field.rawValue().size() > c_longestFrom) {
        return forged("it is too long");
    }
    if (hasControls(field.rawValue())) {
        return forged("control characters");
    }
    FromReader reader(field.rawValue());
    if (!reader.read()) {
        return forged(reader.problem());
    }
    if (reader.domains().size() != 1) {
        return forged("addresses of several domains");
    }
    return {*reader.domains().begin(), false, {}};
}

}  // namespace portcullis::authentication
