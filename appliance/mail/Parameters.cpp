// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/Parameters.h"

#include "appliance/mail/Charset.h"

#include <algorithm>
#include <tuple>

namespace portcullis::mail {

namespace {

template<typename List, typename Item>
void addOnce(List &list, Item item)
{
    if (std::find(list.begin(), list.end(), item) == list.end()) {
        list.push_back(std::move(item));
    }
}

bool isBlank(char c)
{
    return c == ' ' || c == '\t';
}

// Walks through a field's text; each function reads from the position on and moves it.
class ParameterReader
{
public:
    explicit ParameterReader(QByteArrayView text)
        : m_text(text)
    {
    }

    [[nodiscard]] bool atEnd() const { return m_at >= m_text.size(); }
    [[nodiscard]] QByteArrayView rest() const
    {
        return m_text.sliced(std::min(m_at, m_text.size()));
    }

    // Text up to one of `ends`, comments left out (RFC 822 comments may stand between all tokens).
    QByteArray readToken(QByteArrayView ends)
    {
        QByteArray token;
        while (!atEnd() && !ends.contains(m_text[m_at])) {
            if (m_text[m_at] != '(' || !skipComment()) {
                token.append(m_text[m_at++]);
            }
        }
        return token.trimmed();
    }

    bool accept(char c)
    {
        if (atEnd() || m_text[m_at] != c) {
            return false;
        }
        ++m_at;
        return true;
    }

    Parameter readValue(QByteArray name)
    {
        Parameter parameter{std::move(name), {}};
        skipBlanks();
        if (!atEnd() && m_text[m_at] == '(' && skipComment()) {
            skipBlanks();
        }
        if (!atEnd() && m_text[m_at] == '"') {
            readQuoted(parameter);
        } else {
            readPlain(parameter);
        }
        return parameter;
    }

private:
    // False for a comment without end: that is none, and neither is any `(` behind it, or reading
    // a field of brackets would take the square of its length.
    bool skipComment()
    {
        const qsizetype start = m_at;
        int depth = 0;
        for (; m_hasComments && !atEnd(); ++m_at) {
            const char c = m_text[m_at];
            if (c == '\\') {
                ++m_at;
            } else if (c == '(') {
                ++depth;
            } else if (c == ')' && --depth == 0) {
                ++m_at;
                return true;
            }
        }
        m_at = start;
        m_hasComments = false;
        return false;
    }

    void skipBlanks()
    {
        while (!atEnd() && isBlank(m_text[m_at])) {
            ++m_at;
        }
    }

    void readQuoted(Parameter &parameter)
    {
        const qsizetype start = ++m_at;
        QByteArray unquoted;
        bool hasBackslash = false;
        while (!atEnd() && m_text[m_at] != '"') {
            if (m_text[m_at] == '\\' && m_at + 1 < m_text.size()) {
                hasBackslash = true;
                ++m_at;
            }
            unquoted.append(m_text[m_at++]);
        }
        const QByteArrayView inside = m_text.sliced(start, std::min(m_at, m_text.size()) - start);
        const bool isClosed = accept('"');
        parameter.texts.push_back(unquoted);
        if (hasBackslash) {
            // Windows folders are often written without doubling the backslash.
            addOnce(parameter.texts, inside.toByteArray());
        }
        if (!isClosed) {
            const qsizetype semicolon = inside.indexOf(';');
            addOnce(
                parameter.texts,
                inside.first(semicolon < 0 ? inside.size() : semicolon).trimmed().toByteArray());
            return;
        }
        // `"a" b`: some join what follows the quotes, up to the next semicolon.
        const qsizetype afterQuote = m_at;
        const QByteArray tail = readToken(";");
        if (!tail.isEmpty()) {
            addOnce(parameter.texts, unquoted + tail);
            addOnce(parameter.texts,
                    m_text.sliced(start - 1, m_at - start + 1).trimmed().toByteArray());
        } else if (m_at > afterQuote + 1
                   && m_text.sliced(afterQuote, m_at - afterQuote).contains('(')) {
            addOnce(parameter.texts,
                    unquoted
                        + m_text.sliced(afterQuote, m_at - afterQuote).trimmed().toByteArray());
        }
    }

    void readPlain(Parameter &parameter)
    {
        const qsizetype start = m_at;
        const QByteArray withoutComments = readToken(";");
        const QByteArray whole = m_text.sliced(start, m_at - start).trimmed().toByteArray();
        const auto blank = std::find_if(withoutComments.begin(), withoutComments.end(), isBlank);
        parameter.texts.push_back(
            withoutComments.first(std::distance(withoutComments.begin(), blank)));
        addOnce(parameter.texts, withoutComments);
        addOnce(parameter.texts, whole);
    }

    QByteArrayView m_text;
    qsizetype m_at = 0;
    bool m_hasComments = true;
};

// name*N* of RFC 2231 §3 and §4.
struct ExtendedName {
    QByteArray base;
    int section = -1;  // -1: none
    bool isExtended = false;
};

ExtendedName splitName(const QByteArray &name)
{
    ExtendedName result;
    const qsizetype star = name.indexOf('*');
    result.base = star < 0 ? name : name.first(star);
    if (star < 0) {
        return result;
    }
    QByteArray rest = name.sliced(star + 1);
    if (rest.isEmpty()) {
        result.isExtended = true;
        return result;
    }
    if (rest.endsWith('*')) {
        result.isExtended = true;
        rest.chop(1);
    }
    bool isNumber = false;
    const int section = rest.toInt(&isNumber);
    result.section = isNumber && section >= 0 ? section : 0;
    return result;
}

struct Section {
    int number = 0;
    bool isExtended = false;
    QByteArray text;
};

// charset'language'text; without the two quotes everything is text.
std::pair<QByteArray, QByteArray> splitCharset(const QByteArray &text)
{
    const qsizetype first = text.indexOf('\'');
    const qsizetype second = first < 0 ? -1 : text.indexOf('\'', first + 1);
    if (second < 0) {
        return {{}, text};
    }
    return {text.first(first), text.sliced(second + 1)};
}

// Sections joined to octets, with their charset. `isAllPercent` decodes plain sections as well.
std::pair<QByteArray, QByteArray> joinSections(const std::vector<Section> &sections,
                                               bool isAllPercent)
{
    QByteArray charset;
    QByteArray joined;
    for (size_t i = 0; i < sections.size(); ++i) {
        QByteArray text = sections[i].text;
        if (sections[i].isExtended || isAllPercent) {
            if (i == 0) {
                std::tie(charset, text) = splitCharset(text);
            }
            text = QByteArray::fromPercentEncoding(text);
        }
        joined += text;
    }
    return {charset, joined};
}

std::vector<Section> sectionsOf(const ParameterizedValue &field, QByteArrayView name)
{
    std::vector<Section> sections;
    for (const Parameter &parameter : field.parameters) {
        const ExtendedName extended = splitName(parameter.name);
        if (extended.base == name && (extended.section >= 0 || extended.isExtended)) {
            sections.push_back(
                {std::max(extended.section, 0), extended.isExtended, parameter.texts.front()});
        }
    }
    return sections;
}

// The ways to join continuations: by number, by appearance, the first alone.
std::vector<std::vector<Section>> arrangements(const std::vector<Section> &sections)
{
    std::vector<std::vector<Section>> result;
    if (sections.empty()) {
        return result;
    }
    auto sorted = sections;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Section &a, const Section &b) { return a.number < b.number; });
    auto unique = sorted;
    unique.erase(
        std::unique(unique.begin(), unique.end(),
                    [](const Section &a, const Section &b) { return a.number == b.number; }),
        unique.end());
    result.push_back(unique);
    result.push_back(sorted);
    result.push_back(sections);
    if (sections.size() > 1) {
        result.push_back({sorted.front()});
    }
    return result;
}

bool isInvisible(QChar c)
{
    return c.category() == QChar::Other_Control || c.category() == QChar::Other_Format
           || c.category() == QChar::Separator_Line || c.category() == QChar::Separator_Paragraph;
}

QString withoutInvisible(QString name)
{
    name.removeIf(isInvisible);
    return name;
}

// What Windows makes of a name: trailing dots and blanks do not count.
QString withoutTail(QString name)
{
    while (name.endsWith(u'.') || name.endsWith(u' ')) {
        name.chop(1);
    }
    return name;
}

QString withoutFolders(const QString &name)
{
    const qsizetype slash = std::max(name.lastIndexOf(u'/'), name.lastIndexOf(u'\\'));
    return name.sliced(slash + 1);
}

QString withoutStream(const QString &name)
{
    const qsizetype colon = name.indexOf(u':', 2);
    return colon < 0 ? name : name.first(colon);
}

void readParameters(ParameterReader &reader, int limit, ParameterizedValue &result)
{
    while (reader.accept(';')) {
        const QByteArray name = reader.readToken("=;").toLower();
        if (!reader.accept('=')) {
            continue;
        }
        if (result.parameters.size() == static_cast<size_t>(limit)) {
            result.isTruncated = true;
            return;
        }
        result.parameters.push_back(reader.readValue(name));
    }
}

}  // namespace

ParameterizedValue parseParameters(QByteArrayView unfolded, int limit)
{
    ParameterReader reader(unfolded);
    ParameterizedValue result;
    QByteArray value = reader.readToken(";");
    const auto blank = std::find_if(value.begin(), value.end(), isBlank);
    if (blank == value.end() || !value.contains('=')) {
        readParameters(reader, limit, result);
    } else {
        // `text/html charset=x`: the semicolon was forgotten. Most readers look over it.
        const qsizetype cut = std::distance(value.begin(), blank);
        const QByteArray repaired = ';' + value.sliced(cut) + reader.rest().toByteArray();
        value.truncate(cut);
        result.hasNoSemicolon = true;
        ParameterReader repairedReader(repaired);
        readParameters(repairedReader, limit, result);
    }
    result.value = value.toLower().replace(" ", "").replace("\t", "");
    return result;
}

std::vector<QByteArray> octetValues(const ParameterizedValue &field, QByteArrayView name)
{
    std::vector<QByteArray> values;
    for (const Parameter &parameter : field.parameters) {
        if (parameter.name == name) {
            addOnce(values, parameter.texts.front());
        }
    }
    for (const auto &arrangement : arrangements(sectionsOf(field, name))) {
        addOnce(values, joinSections(arrangement, false).second);
    }
    for (const Parameter &parameter : field.parameters) {
        if (parameter.name != name) {
            continue;
        }
        for (const QByteArray &text : parameter.texts) {
            addOnce(values, text);
            if (text.contains("=?")) {
                addOnce(values, decodeWords(text).toUtf8());
            }
        }
    }
    return values;
}

QStringList textValues(const ParameterizedValue &field, QByteArrayView name)
{
    QStringList values;
    const std::vector<Section> sections = sectionsOf(field, name);
    // RFC 2231 §4: where both are given, the extended form is meant.
    for (const bool isAllPercent : {false, true}) {
        for (const auto &arrangement : arrangements(sections)) {
            const auto [charset, octets] = joinSections(arrangement, isAllPercent);
            addOnce(values, decodeCharset(octets, charset));
            if (octets.contains("=?")) {
                addOnce(values, decodeWords(octets));
            }
        }
    }
    for (const Parameter &parameter : field.parameters) {
        if (parameter.name != name) {
            continue;
        }
        for (const QByteArray &text : parameter.texts) {
            if (text.contains("=?")) {
                addOnce(values, decodeWords(text));
            }
            addOnce(values, decodeCharset(text, {}));
            if (text.contains('%')) {
                addOnce(values, decodeCharset(QByteArray::fromPercentEncoding(text), {}));
            }
        }
    }
    for (const Section &section : sections) {
        addOnce(values, decodeCharset(section.text, {}));
    }
    return values;
}

std::pair<QStringList, bool> fileNameForms(const QStringList &names, int limit)
{
    QStringList forms;
    const auto add = [&](const QString &name) {
        if (!name.trimmed().isEmpty()) {
            addOnce(forms, name);
        }
    };
    for (const QString &name : names) {
        if (forms.size() > limit) {
            break;
        }
        const qsizetype nul = name.indexOf(QChar(u'\0'));
        const QString visible = withoutInvisible(name);
        const QString base = withoutFolders(visible);
        add(withoutTail(base.trimmed()));
        add(base);
        add(visible);
        if (nul >= 0) {
            add(withoutTail(withoutFolders(withoutInvisible(name.first(nul)))));
        }
        add(withoutTail(withoutStream(base)));
        add(withoutTail(base.normalized(QString::NormalizationForm_KC)));
        if (visible != name && nul < 0) {
            add(name);
        }
    }
    const bool isTooMany = forms.size() > limit;
    forms.resize(std::min<qsizetype>(forms.size(), limit));
    return {forms, isTooMany};
}

}  // namespace portcullis::mail
