// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/BodyEvals.h"

#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/evals/BodyAlternatives.h"
#include "appliance/spam/evals/BodyArguments.h"
#include "appliance/spam/evals/BodyStockWords.h"
#include "appliance/spam/html/HtmlCharacters.h"

#include <algorithm>
#include <optional>

namespace portcullis::spam {

namespace {

/// Body above and signature below "-- ", of the first text/plain part.
struct SignatureLengths {
    qsizetype body = 0;
    qsizetype signature = 0;
};

constexpr double noSignatureRatio = 1'000'000;
constexpr qsizetype decoySignature = 4;  ///< A delimiter so near to the end is none.

SignatureLengths measureSignature(const QByteArray &text)
{
    SignatureLengths lengths{text.size(), 0};
    for (qsizetype start = 0; start < text.size();) {
        const qsizetype newline = text.indexOf('\n', start);
        const qsizetype end = newline < 0 ? text.size() : newline;
        QByteArrayView line = QByteArrayView(text).sliced(start, end - start);
        if (line.endsWith('\r')) {
            line = line.chopped(1);
        }
        if ((line == "--" || line == "-- ") && text.size() - end > decoySignature) {
            lengths = {start, text.size() - end};
        }
        start = end + 1;
    }
    return lengths;
}

struct BlankLines {
    qsizetype blank = 0;
    qsizetype all = 0;
};

BlankLines countBlankLines(const std::vector<QByteArray> &chunks)
{
    BlankLines lines;
    for (const QByteArray &chunk : chunks) {
        for (qsizetype start = 0; start < chunk.size();) {
            const qsizetype newline = chunk.indexOf('\n', start);
            const qsizetype end = newline < 0 ? chunk.size() : newline + 1;
            const QByteArrayView line = QByteArrayView(chunk).sliced(start, end - start);
            lines.blank += std::all_of(line.begin(), line.end(), isAsciiSpace) ? 1 : 0;
            ++lines.all;
            start = end;
        }
    }
    return lines;
}

/// The largest share of spaces in a line, in percent; -1: there is no line long enough.
int largestSpaceShare(const std::vector<QByteArray> &lines)
{
    constexpr qsizetype shortLine = 5;
    int largest = -1;
    for (const QByteArray &line : lines) {
        if (line.size() > shortLine) {
            const qsizetype spaces = line.count(' ');
            const qsizetype others = line.size() - spaces;
            largest = std::max(largest, spaces > others ? 100 : int(100 * spaces / others));
        }
    }
    return largest;
}

int bodyLength(Scan &scan, const EvalCall &call)
{
    return double(scan.text().pristineBody().size()) <= CallArguments(call).number(0);
}

/// Within the first argument and the second, which may be missing.
bool isWithinArguments(const CallArguments &arguments, double value)
{
    return value >= arguments.number(0) && (!arguments.has(1) || value <= arguments.number(1));
}

}  // namespace

struct BodyEvals::Facts final : Scan::Memory {
    std::optional<AlternativeDifference> difference;
    std::optional<BlankLines> blankLines;
    std::optional<int> spaceShare;
    std::optional<int> stockWords;
};

QByteArray BodyEvals::plugin() const
{
    return "Mail::SpamAssassin::Plugin::BodyEval";
}

void BodyEvals::configure(const RuleSet &, ProblemSink &) {}

std::vector<EvalModule::Entry> BodyEvals::functions() const
{
    const auto bound = [this](int (BodyEvals::*function)(Scan &, const EvalCall &) const) {
        return [this, function](Scan &scan, const EvalCall &call) {
            return (this->*function)(scan, call);
        };
    };
    return {
        {"multipart_alternative_difference", bound(&BodyEvals::difference)},
        {"multipart_alternative_difference_count", bound(&BodyEvals::differenceCount)},
        {"check_blank_line_ratio", bound(&BodyEvals::blankLines)},
        {"tvd_vertical_words", bound(&BodyEvals::verticalWords)},
        {"check_stock_info", bound(&BodyEvals::stockInfo)},
        {"check_body_length", bodyLength},
        {"plaintext_body_length", bound(&BodyEvals::signatureTest)},
        {"plaintext_sig_length", bound(&BodyEvals::signatureTest)},
        {"plaintext_body_sig_ratio", bound(&BodyEvals::signatureTest)},
    };
}

BodyEvals::Facts &BodyEvals::facts(Scan &scan) const
{
    return scan.memory<Facts>(this);
}

int BodyEvals::difference(Scan &scan, const EvalCall &call) const
{
    std::optional<AlternativeDifference> &known = facts(scan).difference;
    if (!known) {
        known = alternativeDifference(scan.text());
    }
    const CallArguments arguments(call);
    return (arguments.number(0) == 0 || known->percent > arguments.number(0))
           && (arguments.text(1) == "undef" || known->percent <= arguments.number(1));
}

/// Words of text per word of HTML, where HTML has more than a few.
int BodyEvals::differenceCount(Scan &scan, const EvalCall &call) const
{
    std::optional<AlternativeDifference> &known = facts(scan).difference;
    if (!known) {
        known = alternativeDifference(scan.text());
    }
    const CallArguments arguments(call);
    return known->htmlWords > arguments.number(1)
           && known->textWords / known->htmlWords > arguments.number(0);
}

/// check_blank_line_ratio(more than, at most, least number of lines), in percent.
int BodyEvals::blankLines(Scan &scan, const EvalCall &call) const
{
    std::optional<BlankLines> &known = facts(scan).blankLines;
    if (!known) {
        known = countBlankLines(scan.text().rawBody());
    }
    const CallArguments arguments(call);
    const double leastLines = std::max(1.0, arguments.number(2));
    const double ratio = double(known->all) < leastLines
                             ? -1
                             : 100.0 * double(known->blank) / double(known->all);
    return ratio <= arguments.number(1)
           && (arguments.number(0) == 0 || ratio > arguments.number(0));
}

int BodyEvals::verticalWords(Scan &scan, const EvalCall &call) const
{
    std::optional<int> &known = facts(scan).spaceShare;
    if (!known) {
        known = largestSpaceShare(scan.text().body());
    }
    const CallArguments arguments(call);
    const double most = arguments.number(1) >= 100 ? 101 : arguments.number(1);
    return *known >= arguments.number(0) && *known < most;
}

int BodyEvals::stockInfo(Scan &scan, const EvalCall &call) const
{
    std::optional<int> &known = facts(scan).stockWords;
    if (!known) {
        known = 0;
        const std::vector<TextPart> &parts = scan.text().parts();
        const auto plain = std::find_if(parts.begin(), parts.end(), [](const TextPart &part) {
            return part.type == "text/plain";
        });
        if (plain != parts.end()) {
            known = countStockWords(scan.text().rendered(int(plain - parts.begin())));
        }
    }
    const double least = CallArguments(call).number(0);
    return least == 0 || *known >= least;
}

int BodyEvals::signatureTest(Scan &scan, const EvalCall &call) const
{
    const std::vector<TextPart> &parts = scan.text().parts();
    const auto plain = std::find_if(parts.begin(), parts.end(), [](const TextPart &part) {
        return part.type.startsWith("text/plain");
    });
    if (plain == parts.end()) {
        return 0;
    }
    const SignatureLengths lengths = measureSignature(
        scan.text().decoded(int(plain - parts.begin())));
    const CallArguments arguments(call);
    if (call.function == "plaintext_body_length") {
        return isWithinArguments(arguments, double(lengths.body));
    }
    if (call.function == "plaintext_sig_length") {
        return isWithinArguments(arguments, double(lengths.signature));
    }
    const double ratio = lengths.signature ? double(lengths.body) / double(lengths.signature)
                                           : noSignatureRatio;
    const double most = arguments.has(1) ? arguments.number(1) : noSignatureRatio;
    return ratio >= arguments.number(0) && ratio <= most;
}

}  // namespace portcullis::spam
