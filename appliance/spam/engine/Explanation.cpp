// SPDX-License-Identifier: GPL-2.0-or-later
// Where tests of a scan matched.
#include "appliance/spam/engine/MimeHeaders.h"
#include "appliance/spam/engine/RuleScan.h"

namespace portcullis::spam {

namespace {

constexpr qsizetype maxEvidence = 100;  // Of one test; the rest adds nothing for a reader.

const char *nameOf(TextView view)
{
    switch (view) {
    case TextView::Body:
        return "body";
    case TextView::Uri:
        return "uri";
    case TextView::RawBody:
        return "rawbody";
    case TextView::Full:
        break;
    }
    return "full";
}

QByteArray nameOf(const HeaderQuery &query)
{
    QByteArray name = query.name;
    const std::pair<bool, const char *> modifiers[] = {
        {query.isRaw, ":raw"},       {query.isAddress, ":addr"}, {query.isName, ":name"},
        {query.isFirst, ":first"},   {query.isLast, ":last"},    {query.isHost, ":host"},
        {query.isDomain, ":domain"}, {query.isIp, ":ip"},        {query.isReverseIp, ":revip"}};
    for (const auto &[isSet, text] : modifiers) {
        name += isSet ? text : "";
    }
    return name;
}

/// "check_x('a', 5)"
QByteArray textOf(const EvalCall &call)
{
    QByteArrayList arguments;
    for (const QByteArray &argument : call.arguments) {
        arguments.append('\'' + argument + '\'');
    }
    return call.function + '(' + arguments.join(", ") + ')';
}

void addMatches(const Pattern &pattern,
                const QByteArray &subject,
                const QByteArray &view,
                qsizetype line,
                bool isMultiple,
                std::vector<Evidence> &into)
{
    for (qsizetype from = 0;
         from <= subject.size() && static_cast<qsizetype>(into.size()) < maxEvidence;) {
        const auto span = pattern.find(subject, from);
        if (!span) {
            return;
        }
        into.push_back(
            {view, line, span->begin, subject.mid(span->begin, span->end - span->begin)});
        if (!isMultiple) {
            return;
        }
        from = span->end > span->begin ? span->end : span->end + 1;
    }
}

}  // namespace

std::vector<Evidence> RuleScan::explain(const QByteArray &name)
{
    using Runner = CompiledTest::Runner;
    std::vector<Evidence> evidence;
    const int index = rules().indexOf(name);
    if (index < 0) {
        return evidence;
    }
    const CompiledTest &test = m_compiled.tests()[static_cast<size_t>(index)];
    const double value = valueAt(index);
    if (test.runner == Runner::Meta) {
        explainMeta(test, evidence);  // Of one that did not hit, too: the parts say why.
        return evidence;
    }
    if (value == 0) {
        return evidence;
    }
    switch (test.runner) {
    case Runner::Text:
        explainText(test, evidence);
        break;
    case Runner::Header:
    case Runner::Existence:
        explainHeader(test, evidence);
        break;
    case Runner::MimeHeader:
        explainMimeHeader(test, evidence);
        break;
    default:
        if (test.runner == Runner::Eval) {
            evidence.push_back({QByteArrayLiteral("eval"), 0, 0, textOf(test.call)});
        }
        for (const QByteArray &words : m_notes.value(index)) {
            evidence.push_back({QByteArrayLiteral("note"), 0, 0, words});
        }
        break;
    }
    return evidence;
}

void RuleScan::explainText(const CompiledTest &test, std::vector<Evidence> &into)
{
    const std::optional<Pattern> pattern = test.isTemplate ? filledIn(test) : test.pattern;
    const std::vector<QByteArray> &all = lines(test.view);
    const bool skipsFirst = test.skipsSubject && test.view == TextView::Body;
    for (size_t line = skipsFirst ? 1 : 0; pattern && line < all.size(); ++line) {
        addMatches(*pattern, all[line], nameOf(test.view), static_cast<qsizetype>(line),
                   test.isMultiple, into);
        if (!test.isMultiple && !into.empty()) {
            return;
        }
    }
}

void RuleScan::explainHeader(const CompiledTest &test, std::vector<Evidence> &into)
{
    makeGroup(test.group);
    const QByteArray view = nameOf(
        m_compiled.headerGroups()[static_cast<size_t>(test.group)].query);
    const auto &value = *m_groups[static_cast<size_t>(test.group)].value;
    const std::optional<Pattern> pattern = test.isTemplate ? filledIn(test) : test.pattern;
    if (test.isNegated || !pattern) {
        into.push_back({view, 0, 0, value.value_or(QByteArray())});
    } else if (value) {
        addMatches(*pattern, *value, view, 0, test.isMultiple, into);
    }
}

void RuleScan::explainMimeHeader(const CompiledTest &test, std::vector<Evidence> &into)
{
    const std::optional<Pattern> pattern = test.isTemplate ? filledIn(test) : test.pattern;
    if (!pattern) {
        return;
    }
    for (QByteArray &text : matchMimeHeaders(*test.test, *pattern, m_text).matched) {
        into.push_back({QByteArrayLiteral("mimeheader"), 0, 0, std::move(text)});
    }
}

void RuleScan::explainMeta(const CompiledTest &test, std::vector<Evidence> &into)
{
    if (const auto *meta = std::get_if<MetaTest>(&test.test->body)) {
        into.push_back({QByteArrayLiteral("meta"), 0, 0, meta->text.simplified()});
    }
    for (const int needed : test.meta.tests()) {
        into.push_back({QByteArrayLiteral("part"), 0, 0,
                        m_compiled.tests()[static_cast<size_t>(needed)].test->name + " = "
                            + QByteArray::number(valueAt(needed))});
    }
}

}  // namespace portcullis::spam
