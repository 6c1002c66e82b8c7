// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/GlobList.h"

namespace portcullis::spam {

namespace {

bool hasWildcard(QByteArrayView text)
{
    return text.contains('*') || text.contains('?');
}

/// One "*" is enough to come back to: the last one can take whatever earlier ones could.
bool matchesFreely(QByteArrayView glob, QByteArrayView text)
{
    qsizetype g = 0;
    qsizetype t = 0;
    qsizetype afterStar = -1;
    qsizetype taken = 0;
    while (t < text.size()) {
        if (g < glob.size() && glob[g] == '*') {
            afterStar = ++g;
            taken = t;
        } else if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t])) {
            ++g;
            ++t;
        } else if (afterStar >= 0) {
            g = afterStar;
            t = ++taken;
        } else {
            return false;
        }
    }
    while (g < glob.size() && glob[g] == '*') {
        ++g;
    }
    return g == glob.size();
}

/// "?" may be a dot, so the last "*" is not enough here: all of the text that can be taken is noted.
bool matchesInLabels(QByteArrayView glob, QByteArrayView text)
{
    while (!glob.isEmpty() && glob.front() != '*') {
        if (text.isEmpty() || (glob.front() != '?' && glob.front() != text.front())) {
            return false;
        }
        glob = glob.sliced(1);
        text = text.sliced(1);
    }
    // By length: whether the glob, as far as it was read, takes the first octets of the text.
    std::vector<bool> takes(size_t(text.size()) + 1);
    takes.front() = true;
    for (const char wanted : glob) {
        if (wanted == '*') {
            for (qsizetype i = 0; i < text.size(); ++i) {
                takes[size_t(i + 1)] = takes[size_t(i + 1)] || (takes[size_t(i)] && text[i] != '.');
            }
        } else {
            for (qsizetype i = text.size() - 1; i >= 0; --i) {
                takes[size_t(i + 1)] = takes[size_t(i)] && (wanted == '?' || wanted == text[i]);
            }
            takes.front() = false;
        }
    }
    return takes.back();
}

}  // namespace

bool matchesGlob(QByteArrayView glob, QByteArrayView text, GlobStar star)
{
    return star == GlobStar::Anything ? matchesFreely(glob, text) : matchesInLabels(glob, text);
}

void GlobList::add(QByteArrayView pattern)
{
    const QByteArray glob = pattern.toByteArray().toLower();
    if (!hasWildcard(glob)) {
        m_exact.insert(glob);
    } else if (glob.startsWith("*@*.") && !hasWildcard(QByteArrayView(glob).sliced(4))) {
        m_domains.insert(glob.sliced(4));
    } else if (glob.startsWith("*@") && !hasWildcard(QByteArrayView(glob).sliced(2))) {
        m_hosts.insert(glob.sliced(2));
    } else {
        m_globs.push_back(glob);
    }
}

void GlobList::addAll(const QByteArray &patterns)
{
    for (const QByteArray &pattern : wordsOf(patterns)) {
        add(pattern);
    }
}

bool GlobList::matches(QByteArrayView text) const
{
    const QByteArray address =
        text.last(std::min(text.size(), longestText)).toByteArray().toLower();
    if (m_exact.contains(address)) {
        return true;
    }
    const qsizetype at = address.indexOf('@');
    if (at >= 0 && m_hosts.contains(address.sliced(address.lastIndexOf('@') + 1))) {
        return true;
    }
    if (at >= 0 && !m_domains.isEmpty()) {
        for (qsizetype dot = address.indexOf('.', at); dot >= 0;
             dot = address.indexOf('.', dot + 1)) {
            if (m_domains.contains(address.sliced(dot + 1))) {
                return true;
            }
        }
    }
    for (const QByteArray &glob : m_globs) {
        if (matchesGlob(glob, address)) {
            return true;
        }
    }
    return false;
}

std::vector<QByteArray> wordsOf(const QByteArray &value)
{
    std::vector<QByteArray> words;
    for (const QByteArray &word : value.simplified().split(' ')) {
        if (!word.isEmpty()) {
            words.push_back(word);
        }
    }
    return words;
}

}  // namespace portcullis::spam
