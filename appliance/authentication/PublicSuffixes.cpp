// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/authentication/PublicSuffixes.h"

#include <QtCore/QFile>
#include <QtCore/QUrl>

namespace portcullis::authentication {

namespace {

constexpr qint64 c_largestFile = 16 * 1024 * 1024;

// The list is in UTF-8, names in the DNS are A-labels.
QByteArray asciiRule(QByteArrayView rule)
{
    const QByteArray name = rule.toByteArray();
    for (const char c : name) {
        if (static_cast<unsigned char>(c) > 0x7F) {
            return QUrl::toAce(QString::fromUtf8(name), QUrl::IgnoreIDNWhitelist);
        }
    }
    return name.toLower();
}

QByteArrayView firstWord(QByteArrayView line)
{
    qsizetype end = 0;
    while (end < line.size() && static_cast<unsigned char>(line[end]) > ' ') {
        ++end;
    }
    return line.first(end);
}

// What stands behind the first dot; empty: nothing.
QByteArrayView parentOf(QByteArrayView name)
{
    const qsizetype dot = name.indexOf('.');
    return dot < 0 ? QByteArrayView() : name.sliced(dot + 1);
}

}  // namespace

QString PublicSuffixes::systemFile()
{
    return QStringLiteral("/usr/share/publicsuffix/public_suffix_list.dat");
}

Result<PublicSuffixes> PublicSuffixes::read(const QString &file)
{
    QFile source(file);
    if (!source.open(QIODevice::ReadOnly)) {
        return Error::permanent("publicsuffix.unreadable",
                                file + QStringLiteral(": ") + source.errorString());
    }
    PublicSuffixes suffixes = parse(source.read(c_largestFile));
    if (suffixes.isEmpty()) {
        return Error::permanent("publicsuffix.unreadable", file + QStringLiteral(" has no rules"));
    }
    return suffixes;
}

PublicSuffixes PublicSuffixes::parse(QByteArrayView text)
{
    PublicSuffixes suffixes;
    qsizetype at = 0;
    while (at < text.size()) {
        const qsizetype newline = text.indexOf('\n', at);
        const qsizetype end = newline < 0 ? text.size() : newline;
        const QByteArrayView rule = firstWord(text.sliced(at, end - at));
        at = end + 1;
        if (rule.isEmpty() || rule.startsWith("//")) {
            continue;
        }
        auto &set = rule.startsWith('!')    ? suffixes.m_exceptions
                    : rule.startsWith("*.") ? suffixes.m_wildcards
                                            : suffixes.m_rules;
        const qsizetype prefix = rule.startsWith('!') ? 1 : rule.startsWith("*.") ? 2 : 0;
        const QByteArray name = asciiRule(rule.sliced(prefix));
        if (!name.isEmpty()) {
            set.insert(name);
        }
    }
    return suffixes;
}

QByteArray PublicSuffixes::organisationalDomain(const QByteArray &domain) const
{
    if (domain.isEmpty() || domain.startsWith('.') || domain.endsWith('.')
        || domain.contains("..")) {
        return {};
    }
    if (isEmpty()) {
        return domain;
    }
    // From the longest name on, so the first rule that fits is the one that counts.
    QByteArrayView registered;
    for (QByteArrayView name = domain; !name.isEmpty(); name = parentOf(name)) {
        const QByteArray key = name.toByteArray();
        if (m_exceptions.contains(key)) {
            return key;
        }
        const QByteArrayView parent = parentOf(name);
        const bool isSuffix = m_rules.contains(key)
                              || (!parent.isEmpty() && m_wildcards.contains(parent.toByteArray()))
                              || parent
                                     .isEmpty();  // The list's rule for what it does not know: "*".
        if (isSuffix) {
            return registered.toByteArray();
        }
        registered = name;
    }
    return {};
}

QByteArray PublicSuffixes::organisationOf(const QByteArray &domain) const
{
    const QByteArray organisation = organisationalDomain(domain);
    return organisation.isEmpty() ? domain : organisation;
}

}  // namespace portcullis::authentication
