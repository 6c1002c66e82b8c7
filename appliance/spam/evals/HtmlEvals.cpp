// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/HtmlEvals.h"

#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/evals/BodyArguments.h"
#include "appliance/spam/html/HtmlCharacters.h"

#include <algorithm>
#include <limits>

namespace portcullis::spam {

namespace {

/// Whether one of the HTML parts meets a condition.
template<typename Condition>
int anyHtml(Scan &scan, Condition condition)
{
    const std::vector<HtmlFacts> &parts = scan.text().allHtml();
    return std::any_of(parts.begin(), parts.end(), condition) ? 1 : 0;
}

/// "< 512", "!= 0", "> 2 + 1": one comparison of a value with a sum.
class Comparison
{
public:
    explicit Comparison(const QByteArray &text)
    {
        qsizetype at = 0;
        while (at < text.size() && text[at] == ' ') {
            ++at;
        }
        const qsizetype start = at;
        while (at < text.size() && QByteArrayView("<>=!").contains(text[at])) {
            ++at;
        }
        m_operator = text.mid(start, at - start);
        m_isValid = readSum(text.mid(at));
    }

    [[nodiscard]] bool accepts(double value) const
    {
        if (!m_isValid) {
            return false;
        }
        if (m_operator == "<") {
            return value < m_limit;
        }
        if (m_operator == "<=") {
            return value <= m_limit;
        }
        if (m_operator == ">") {
            return value > m_limit;
        }
        if (m_operator == ">=") {
            return value >= m_limit;
        }
        if (m_operator == "!=") {
            return value != m_limit;
        }
        return m_operator == "==" && value == m_limit;
    }

private:
    bool readSum(QByteArray text)
    {
        text.replace(' ', "");
        qsizetype at = 0;
        bool hasNumber = false;
        while (at < text.size()) {
            double sign = 1;
            while (at < text.size() && (text[at] == '+' || text[at] == '-')) {
                sign = text[at] == '-' ? -sign : sign;
                ++at;
            }
            const qsizetype start = at;
            while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
                ++at;
            }
            if (at == start) {
                return false;
            }
            m_limit += sign * text.mid(start, at - start).toDouble();
            hasNumber = true;
        }
        return hasNumber;
    }

    QByteArray m_operator;
    double m_limit = 0;
    bool m_isValid = false;
};

int tagBalance(Scan &scan, const EvalCall &call)
{
    const CallArguments arguments(call);
    const Comparison comparison(arguments.text(1));
    return anyHtml(scan, [&](const HtmlFacts &html) {
        const std::optional<int> open = html.open(arguments.text(0));
        return open && comparison.accepts(*open);
    });
}

int tagExists(Scan &scan, const EvalCall &call)
{
    const CallArguments arguments(call);
    return anyHtml(scan,
                   [&](const HtmlFacts &html) { return html.open(arguments.text(0)).has_value(); });
}

/// A picture and nearly nothing else: size of the HTML between two bounds.
int imageOnly(Scan &scan, const EvalCall &call)
{
    const CallArguments arguments(call);
    return anyHtml(scan, [&](const HtmlFacts &html) {
        const double length = html.value(HtmlMeasure::Length).value_or(0);
        return html.open("img") && length > arguments.number(0) && length <= arguments.number(1);
    });
}

int imageRatio(Scan &scan, const EvalCall &call)
{
    const CallArguments arguments(call);
    return anyHtml(scan, [&](const HtmlFacts &html) {
        const double area = html.value(HtmlMeasure::ImageArea).value_or(0);
        if (area <= 0) {
            return false;
        }
        const double ratio = html.value(HtmlMeasure::NonSpaceLength).value_or(0) / area;
        return ratio > arguments.number(0) && ratio <= arguments.number(1);
    });
}

int test(Scan &scan, const EvalCall &call)
{
    const CallArguments arguments(call);
    return anyHtml(scan, [&](const HtmlFacts &html) {
        const std::vector<QByteArray> *list = html.list(arguments.text(0));
        return list ? !list->empty() : html.value(arguments.text(0)).value_or(0) != 0;
    });
}

int compare(Scan &scan, const EvalCall &call)
{
    const CallArguments arguments(call);
    const Comparison comparison(arguments.text(1));
    return anyHtml(scan, [&](const HtmlFacts &html) {
        const std::optional<double> value = html.value(arguments.text(0));
        return value && comparison.accepts(*value);
    });
}

/// More than the first bound, at most the second, which may be "inf" or missing.
int range(Scan &scan, const EvalCall &call)
{
    const CallArguments arguments(call);
    const bool isBounded = arguments.has(2) && arguments.text(2) != "inf";
    const double most = isBounded ? arguments.number(2) : std::numeric_limits<double>::infinity();
    return anyHtml(scan, [&](const HtmlFacts &html) {
        const std::optional<double> value = html.value(arguments.text(0));
        return value && *value > arguments.number(1) && *value <= most;
    });
}

int titleSubjectRatio(Scan &scan, const EvalCall &call)
{
    const double ratio = CallArguments(call).number(0);
    const QByteArray subject = scan.text().headerText("Subject");
    if (subject.isEmpty()) {
        return 0;
    }
    return anyHtml(scan, [&](const HtmlFacts &html) {
        return std::any_of(html.titles.begin(), html.titles.end(), [&](const QByteArray &title) {
            return double(countCharacters(title)) / double(subject.size()) > ratio;
        });
    });
}

int iframeSource(Scan &scan)
{
    return anyHtml(scan, [](const HtmlFacts &html) { return html.hasIframeUri; });
}

/// One octet for each character, so that "." and counts mean characters as they do in Perl.
QByteArray octetPerCharacter(const QByteArray &text)
{
    QByteArray octets;
    octets.reserve(text.size());
    for (qsizetype at = 0; at < text.size();) {
        const HtmlCharacter character = characterAt(text, at);
        const bool isWord = isPerlWord(character.code, PerlText::Characters);
        octets.append(character.code <= 0xFF ? char(character.code) : isWord ? 'x' : '?');
        at += character.size;
    }
    return octets;
}

}  // namespace

QByteArray HtmlEvals::plugin() const
{
    return "Mail::SpamAssassin::Plugin::HTMLEval";
}

void HtmlEvals::configure(const RuleSet &rules, ProblemSink &problems)
{
    m_patterns.read(rules, {"html_text_match", "html_text_not_match"}, 1, problems);
}

std::vector<EvalModule::Entry> HtmlEvals::functions() const
{
    return {
        {"html_tag_balance", tagBalance},
        {"html_tag_exists", tagExists},
        {"html_image_only", imageOnly},
        {"html_image_ratio", imageRatio},
        {"html_test", test},
        {"html_eval", compare},
        {"html_range", range},
        {"html_title_subject_ratio", titleSubjectRatio},
        {"check_iframe_src", [](Scan &scan, const EvalCall &) { return iframeSource(scan); }},
        {"html_text_match",
         [this](Scan &scan, const EvalCall &call) { return matchTexts(scan, call, true); }},
        {"html_text_not_match",
         [this](Scan &scan, const EvalCall &call) { return matchTexts(scan, call, false); }},
        // SpamAssassin 4.0.1 collects the charsets of <meta> without handing them to the test, which
        // therefore never hits; the charset of the MIME part is looked at by MIMEEval.
        {"html_charset_faraway", [](Scan &, const EvalCall &) { return 0; }},
    };
}

/// Whether a text of a list ("title", "anchor", "comment", "script") matches, or does not.
int HtmlEvals::matchTexts(Scan &scan, const EvalCall &call, bool wanted) const
{
    const CallArguments arguments(call);
    const std::optional<Pattern> pattern = m_patterns.find(arguments.text(1));
    if (!pattern) {
        return 0;
    }
    return anyHtml(scan, [&](const HtmlFacts &html) {
        const std::vector<QByteArray> *list = html.list(arguments.text(0));
        return list && std::any_of(list->begin(), list->end(), [&](const QByteArray &text) {
                   return pattern->matches(octetPerCharacter(text)) == wanted;
               });
    });
}

}  // namespace portcullis::spam
