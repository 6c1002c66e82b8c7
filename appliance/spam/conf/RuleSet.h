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
    bool hasNoCapture = false;  ///< `/n`: plain parentheses only group.
    /// `%{NAME}` in the source stands for a value that another test captured; a test whose value is
    /// missing does not run. The engine puts the value in, quoted.
    std::vector<QByteArray> neededCaptures;
    bool capturesNames = false;  ///< `(?<NAME>…)`: sets values for neededCaptures of others.
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
///
/// Values are Perl's: `a && b` is b if a is not 0 and otherwise a; `a || b` is a if that is not 0 and
/// otherwise b; `!` and comparisons give 1 or 0; Xor is bitwise, of whole numbers. Choose pops the
/// alternative, the choice, then the condition of `c ? x : y`. Division by 0 makes the whole value 0.
/// The name `local_tests_only` is 1 when there is no network.
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
        Less,
        LessEqual,
        Greater,
        GreaterEqual,
        Equal,
        NotEqual,
        Xor,
        And,
        Or,
        Choose
    };
    struct Step {
        Operation operation = Operation::Number;
        double number = 0;
        QByteArray name;  ///< Of a Test; rules_matching() is expanded.
    };
    std::vector<Step>
        steps;        ///< Without cycles: a test in a circle of metas is `0`, and a Problem.
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
    Empty  ///< Declared by `reuse`, without a test of its own: others set it.
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
    /// Points: as said by `score`, relative ones added up; else 1, T_ 0.01, negative for `nice`; always
    /// 0 for names with `__`, whatever somebody said.
    std::array<double, scoreSets> scores{};
    /// Whether the test runs in a score set: its score there is not 0 (which for `__` only `score` can
    /// say), and an eval test flagged net or learn needs a set with network or Bayes.
    std::array<bool, scoreSets> isActive{};
    bool hasScore = false;  ///< Somebody said `score`.
    QByteArray description;
    std::vector<QByteArray> flags;  ///< tflags in lower case: "net", "nice", "maxhits=5" …
    int maxHits = 0;                ///< 0: no bound.
    int priority = 0;               ///< Of the test itself; 0 is the default.
    /// When it runs, lowest first: tests flagged net -100 instead of 0, and no later than the metas of
    /// lower priority that need it.
    int effectivePriority = 0;
    Origin origin;

    [[nodiscard]] bool hasFlag(const char *flag) const;
    [[nodiscard]] bool isSubRule() const { return name.startsWith("__"); }
};

/// A line that is no test: "freemail_domains", "uridnsbl_skip_domain", "trusted_networks" … The modules
/// that know what it means read them. Values are whole, without comments and surrounding space.
///
/// The reader has applied what takes back: entries named by `unwelcomelist_from`, `delist_uri_host`,
/// `clear_uridnsbl_skip_domain DOMAIN` … are gone from the values before them, and `clear_NAME` has
/// emptied NAME; the latter is kept as a directive of its own for those whose default is not empty.
/// `blocklist_uri_host X` and `welcomelist_uri_host X` read `enlist_uri_host (BLOCK) X`, `(WELCOME) X`.
struct Directive {
    QByteArray value;
    Origin origin;
    quint32 sequence = 0;  ///< Grows over all files and names.
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
    /// By newest name (welcomelist_from, not whitelist_from) in lower case, in file order.
    std::map<QByteArray, std::vector<Directive>> directives;
    std::vector<Problem> problems;
    std::vector<QByteArray> plugins;  ///< Loaded: "Mail::SpamAssassin::Plugin::FreeMail" …
    std::vector<QByteArray> files;    ///< In the order they were read.
    QByteArray updateVersion;  ///< "1900000" of the stock rules' `# UPDATE version`; may be empty.

    [[nodiscard]] bool hasPlugin(const char *shortName) const;  ///< "FreeMail".
    [[nodiscard]] bool hasErrors() const;

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
