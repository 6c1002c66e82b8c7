// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QHash>

#include <array>
#include <map>
#include <optional>
#include <variant>
#include <vector>

/// SpamAssassin's rule language (Mail::SpamAssassin::Conf(3), version 4.0.1) as data: what the .cf files
/// say, after conditions, replace tags and redefinitions. Nothing here looks at a message.
namespace portcullis::spam {

/// Where a line stands, for reports.
struct Origin {
    QByteArray file;
    int line = 0;
};

/// A regular expression of Perl, without its delimiters. Subjects are octets: `/aa` is implied.
struct Regex {
    QByteArray source;  ///< Replace tags are expanded.
    bool isCaseless = false;
    bool isMultiLine = false;
    bool isDotAll = false;
    bool isExtended = false;
};

/// "Subject", "From:addr", "ALL:raw": which text of the header a test sees.
struct HeaderQuery {
    QByteArray name;  ///< As written, without modifiers; compared without case.
    bool isRaw = false;
    bool isAddress = false;
    bool isName = false;
    bool isFirst = false;
    bool isLast = false;
    bool isHost = false;
    bool isDomain = false;
    bool isIp = false;
    bool isReverseIp = false;
};

struct HeaderTest {
    HeaderQuery header;
    Regex regex;
    bool isNegated = false;
    std::optional<QByteArray> ifUnset;
    bool isExistence = false;  ///< `exists:`; the regex is empty.
};

/// `mimeheader` of the plugin MIMEHeader; range, concat and ALL are in its tflags and its name.
struct MimeHeaderTest {
    HeaderQuery header;
    Regex regex;
    bool isNegated = false;
    std::optional<QByteArray> ifUnset;
};

/// A body, rawbody, uri or full regex.
struct TextTest {
    Regex regex;
};

/// `eval:function('a', 5)`; arguments without their quotes.
struct EvalCall {
    QByteArray function;
    std::vector<QByteArray> arguments;
};

/// `uri_detail NAME key =~ /re/ …`: all must hold for one URI.
struct UriDetailTest {
    struct Condition {
        QByteArray key;  ///< raw, type, cleaned, text, domain, host.
        Regex regex;
        bool isNegated = false;
    };
    std::vector<Condition> conditions;
};

/// `askdns NAME query-template type subtest`.
struct AskDnsTest {
    QByteArray query;
    std::vector<QByteArray> types;  ///< "A", "TXT" …
    std::optional<QByteArray> subtest;
};

/// A meta expression in postfix order: what a stack machine needs. An unknown name counts as 0.
struct MetaTest {
    enum class Operation : quint8 {
        Number,
        Test,
        Not,
        Negate,
        Add,
        Subtract,
        Multiply,
        Divide,
        Remainder,
        Power,
        Less,
        LessEqual,
        Greater,
        GreaterEqual,
        Equal,
        NotEqual,
        And,
        Or
    };
    struct Step {
        Operation operation;
        double number = 0;
        QByteArray name;  ///< Of a Test; rules_matching() is expanded.
    };
    std::vector<Step> steps;
    QByteArray text;  ///< As written.
};

/// Which view of the message a test sees. Order and names follow Conf(3).
enum class TestKind : quint8 {
    Header,
    Body,
    RawBody,
    Uri,
    Full,
    MimeHeader,
    Meta,
    HeaderEval,
    BodyEval,
    RawBodyEval,
    FullEval,
    RblEval,
    UriDetail,
    AskDns,
    Empty  ///< A name with a score and without a test: others set it.
};

/// Score sets: 0 neither network nor Bayes, 1 network, 2 Bayes, 3 both.
inline constexpr int scoreSets = 4;

/// One rule.
struct Test {
    QByteArray name;
    TestKind kind = TestKind::Empty;
    std::variant<std::monostate,
                 HeaderTest,
                 MimeHeaderTest,
                 TextTest,
                 EvalCall,
                 MetaTest,
                 UriDetailTest,
                 AskDnsTest>
        body;
    std::array<double, scoreSets>
        scores{};           ///< Resolved: defaults, T_ (0.01), __ (0), relative scores.
    bool hasScore = false;  ///< Somebody said `score`.
    QByteArray description;
    std::vector<QByteArray>
        flags;         ///< tflags in lower case: "net", "nice", "multiple", "maxhits=5" …
    int maxHits = 0;   ///< 0: no bound.
    int priority = 0;  ///< Of the test itself, before those that need it pull it forward.
    Origin origin;

    [[nodiscard]] bool hasFlag(const char *flag) const;
    [[nodiscard]] bool isSubRule() const { return name.startsWith("__"); }
};

/// A line that is no test: "freemail_domains", "uridnsbl_skip_domain", "trusted_networks" … The modules
/// that know what it means read them. Values are whole, without comments and surrounding space.
struct Directive {
    QByteArray value;
    Origin origin;
};

/// Something that could not be used.
struct Problem {
    enum class Severity : quint8 {
        Info,     ///< Known, and rightly without effect here (Perl-only settings).
        Warning,  ///< Not supported: the line has no effect.
        Error     ///< Lint fails.
    };
    Severity severity = Severity::Warning;
    Origin origin;
    QByteArray subject;  ///< Test or directive.
    QByteArray reason;
};

/// Everything that the rule files say. Immutable after it was read; shared by threads.
class RuleSet
{
public:
    std::vector<Test> tests;  ///< In the order of their first definition.
    std::map<QByteArray, std::vector<Directive>>
        directives;  ///< By name in lower case, in file order.
    std::vector<Problem> problems;
    std::vector<QByteArray> plugins;  ///< Loaded: "Mail::SpamAssassin::Plugin::FreeMail" …

    [[nodiscard]] const Test *find(const QByteArray &name) const;
    [[nodiscard]] int indexOf(const QByteArray &name) const;  ///< -1: none.
    [[nodiscard]] const std::vector<Directive> &directive(const QByteArray &name) const;
    /// The last value of a directive, or `fallback`.
    [[nodiscard]] QByteArray value(const QByteArray &name, const QByteArray &fallback = {}) const;
    [[nodiscard]] double number(const QByteArray &name, double fallback) const;
    [[nodiscard]] bool isOn(const QByteArray &name, bool fallback) const;

    void buildIndex();  ///< By the reader, once `tests` is complete.

private:
    QHash<QByteArray, int> m_index;
};

}  // namespace portcullis::spam
