// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/BodyAlternatives.h"

#include "appliance/spam/html/HtmlCharacters.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace portcullis::spam {

namespace {

using WordCounts = std::unordered_map<std::string_view, int>;

/// Stands for the words of HTML that has only pictures.
constexpr std::string_view pictureMark = "\n";

/// Counts what stands between spaces and has a word character in it; bullets and rules have none.
void countWords(WordCounts &counts, const QByteArray &text)
{
    qsizetype start = 0;
    bool hasWordCharacter = false;
    const auto finishWord = [&](qsizetype end) {
        if (hasWordCharacter) {
            ++counts[std::string_view(text.constData() + start, size_t(end - start))];
        }
        hasWordCharacter = false;
    };
    for (qsizetype at = 0; at < text.size();) {
        const HtmlCharacter character = characterAt(text, at);
        if (isPerlSpace(character.code, PerlText::Characters)) {
            finishWord(at);
            start = at + character.size;
        } else if (!hasWordCharacter) {
            hasWordCharacter = isPerlWord(character.code, PerlText::Characters);
        }
        at += character.size;
    }
    finishWord(text.size());
}

/// Parts below one, itself not included, depth first.
std::vector<int> partsBelow(const std::vector<TextPart> &parts, int top)
{
    std::vector<int> found;
    std::vector<int> waiting(parts[size_t(top)].children.rbegin(),
                             parts[size_t(top)].children.rend());
    while (!waiting.empty()) {
        const int part = waiting.back();
        waiting.pop_back();
        found.push_back(part);
        const std::vector<int> &children = parts[size_t(part)].children;
        waiting.insert(waiting.end(), children.rbegin(), children.rend());
    }
    return found;
}

bool startsWithWord(const QByteArray &type, const char *word)
{
    return type.startsWith(word)
           && (type.size() == qsizetype(qstrlen(word))
               || !isPerlWord(static_cast<unsigned char>(type[qsizetype(qstrlen(word))]),
                              PerlText::Octets));
}

/// Exchange sends meetings as HTML and a calendar entry, which says less.
bool isMeeting(const std::vector<TextPart> &parts)
{
    const std::vector<int> &children = parts.front().children;
    return parts.front().type == "multipart/alternative" && children.size() == 2
           && parts[size_t(children[0])].type == "text/html"
           && parts[size_t(children[1])].type == "text/calendar";
}

/// Facts of the HTML of a part; null: it has none. `index` counts the parts with HTML.
const HtmlFacts *htmlOf(MessageText &text, int wanted)
{
    const std::vector<TextPart> &parts = text.parts();
    size_t index = 0;
    for (int part = 0; part <= wanted; ++part) {
        const TextPart &candidate = parts[size_t(part)];
        if (!candidate.isLeaf || candidate.effectiveType != "text/html"
            || text.decoded(part).isEmpty()) {
            continue;
        }
        if (part == wanted) {
            return index < text.allHtml().size() ? &text.allHtml()[index] : nullptr;
        }
        ++index;
    }
    return nullptr;
}

void compareWords(AlternativeDifference &result, const WordCounts &html, const WordCounts &plain)
{
    if (html.empty()) {
        return;
    }
    const auto missing = std::count_if(html.begin(), html.end(), [&](const auto &word) {
        const auto found = plain.find(word.first);
        return found == plain.end() || found->second < word.second;
    });
    result.htmlWords = double(html.size());
    result.textWords = double(plain.size());
    result.percent = std::max(result.percent, double(missing) / double(html.size()) * 100);
}

}  // namespace

AlternativeDifference alternativeDifference(MessageText &text)
{
    AlternativeDifference result;
    const std::vector<TextPart> &parts = text.parts();
    if (parts.empty() || isMeeting(parts)) {
        return result;
    }
    for (size_t top = 0; top < parts.size(); ++top) {
        if (!startsWithWord(parts[top].type, "multipart/alternative")) {
            continue;
        }
        WordCounts html;
        WordCounts plain;
        for (const int part : partsBelow(parts, int(top))) {
            const TextPart &found = parts[size_t(part)];
            if (!found.isLeaf || !startsWithWord(found.type, "text")) {
                continue;
            }
            if (found.effectiveType == "text/html") {
                countWords(html, text.rendered(part));
                const HtmlFacts *facts = html.empty() ? htmlOf(text, part) : nullptr;
                if (facts && facts->open("img")) {
                    html[pictureMark] = 1;
                }
            } else if (found.effectiveType == "text/plain") {
                countWords(plain, text.rendered(part));
            }
        }
        compareWords(result, html, plain);
    }
    return result;
}

}  // namespace portcullis::spam
