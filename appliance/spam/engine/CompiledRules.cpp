// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/engine/CompiledRules.h"

#include <algorithm>
#include <map>

namespace portcullis::spam {

namespace {

/// Looking for words costs a call; few tests of one field are tried instead.
constexpr size_t leastGrouped = 4;

/// The order of kinds within a priority. -1: not run in a step.
int stepOf(TestKind kind)
{
    switch (kind) {
    case TestKind::UriDetail:  // Plugins' own kinds come first.
        return 0;
    case TestKind::Header:
        return 1;
    case TestKind::HeaderEval:
        return 2;
    case TestKind::Body:
        return 3;
    case TestKind::Uri:
        return 4;
    case TestKind::BodyEval:
    case TestKind::MimeHeader:
        return 5;
    case TestKind::RawBody:
        return 6;
    case TestKind::RawBodyEval:
        return 7;
    case TestKind::Full:
    case TestKind::FullEval:
        return 8;
    default:
        return -1;
    }
}

TextView viewOf(TestKind kind)
{
    switch (kind) {
    case TestKind::Uri:
        return TextView::Uri;
    case TestKind::RawBody:
        return TextView::RawBody;
    case TestKind::Full:
        return TextView::Full;
    default:
        return TextView::Body;
    }
}

QByteArray queryKey(const HeaderQuery &query)
{
    QByteArray key = query.name;  // MESSAGEID is three fields, MessageId is one.
    for (const bool flag : {query.isRaw, query.isAddress, query.isName, query.isFirst, query.isLast,
                            query.isHost, query.isDomain, query.isIp, query.isReverseIp}) {
        key += flag ? '1' : '0';
    }
    return key;
}

const Regex *regexOf(const Test &test)
{
    if (const auto *const header = std::get_if<HeaderTest>(&test.body)) {
        return &header->regex;
    }
    if (const auto *const mime = std::get_if<MimeHeaderTest>(&test.body)) {
        return &mime->regex;
    }
    const auto *const text = std::get_if<TextTest>(&test.body);
    return text == nullptr ? nullptr : &text->regex;
}

}  // namespace

Regex withCaptures(Regex regex,
                   const std::vector<std::pair<QByteArray, std::vector<QByteArray>>> &values)
{
    for (const auto &[name, texts] : values) {
        QByteArray choice;
        for (const QByteArray &text : texts) {
            QByteArray quoted;
            for (const char c : text) {
                const bool isPlain = std::isalnum(static_cast<uchar>(c)) != 0 || c == '_';
                quoted +=
                    isPlain
                        ? QByteArray(1, c)
                        : "\\x" + QByteArray::number(static_cast<uchar>(c) | 0x100, 16).right(2);
            }
            choice += (choice.isEmpty() ? "" : "|") + quoted;
        }
        regex.source.replace("%{" + name + '}', "(?:" + choice + ')');
        regex.source.replace("%\\{" + name + "\\}", "(?:" + choice + ')');
    }
    return regex;
}

class RuleCompiler final : public ProblemSink
{
public:
    RuleCompiler(std::shared_ptr<const RuleSet> rules,
                 std::vector<std::shared_ptr<EvalModule>> modules,
                 const EngineSettings &settings)
        : m_result(new CompiledRules)
        , m_set(settings.scoreSet())
    {
        m_result->m_rules = std::move(rules);
        m_result->m_modules = std::move(modules);
        m_result->m_settings = settings;
        const auto limit = std::chrono::milliseconds(
            static_cast<qint64>(m_result->m_rules->number("time_limit", 300) * 1000));
        if (limit.count() > 0) {
            m_result->m_settings.timeLimit = std::min(limit, settings.timeLimit);
        }
        m_result->m_text = TextSettings::fromRules(*m_result->m_rules);
        m_result->m_domains = std::make_unique<DomainTable>(*m_result->m_rules);
    }

    std::shared_ptr<const CompiledRules> compile()
    {
        configureModules();
        compileTests();
        buildSets();
        arrange();
        readShortCircuits();
        return std::move(m_result);
    }

    void report(Problem problem) override { m_result->m_problems.push_back(std::move(problem)); }

private:
    using Runner = CompiledTest::Runner;

    [[nodiscard]] const RuleSet &rules() const { return *m_result->m_rules; }
    CompiledTest &compiled(int index) { return m_result->m_tests[static_cast<size_t>(index)]; }

    void configureModules()
    {
        for (const auto &module : m_result->m_modules) {
            module->configure(rules(), *this);
            for (const EvalModule::Entry &entry : module->functions()) {
                m_functions.try_emplace(entry.name, entry.function);
            }
        }
    }

    void compileTests()
    {
        m_result->m_tests.resize(rules().tests.size());
        for (size_t i = 0; i < rules().tests.size(); ++i) {
            const Test &test = rules().tests[i];
            CompiledTest &made = m_result->m_tests[i];
            made.test = &test;
            if (test.isActive[static_cast<size_t>(m_set)]) {
                made.isMultiple = test.hasFlag("multiple");
                made.skipsSubject = test.hasFlag("nosubject");
                compileTest(made, static_cast<int>(i));
            }
        }
        for (const auto &[function, tests] : m_unsupported) {
            reportUnsupported(function, tests);
        }
    }

    void compileTest(CompiledTest &made, int index)
    {
        const Test &test = *made.test;
        if (const Regex *regex = regexOf(test)) {
            compileRegexTest(made, index, *regex);
            return;
        }
        if (const auto *const meta = std::get_if<MetaTest>(&test.body)) {
            made.meta = MetaTree(*meta, rules(), !m_result->m_settings.usesNetwork);
            made.runner = Runner::Meta;
            return;
        }
        if (const auto *const call = std::get_if<EvalCall>(&test.body)) {
            findFunction(made, *call);
            return;
        }
        if (test.kind == TestKind::UriDetail) {
            findFunction(made, {"uri_detail", {test.name}});
            return;
        }
        made.runner = Runner::External;
    }

    void findFunction(CompiledTest &made, EvalCall call)
    {
        const auto known = m_functions.find(call.function);
        if (known == m_functions.end()) {
            m_unsupported[call.function].push_back(made.test);
            return;
        }
        made.function = known->second;
        made.call = std::move(call);
        made.runner = Runner::Eval;
    }

    void compileRegexTest(CompiledTest &made, int index, const Regex &regex)
    {
        const Test &test = *made.test;
        made.isTemplate = !regex.neededCaptures.empty();
        const auto *const header = std::get_if<HeaderTest>(&test.body);
        const bool isExistence = header != nullptr && header->isExistence;
        if (!made.isTemplate && !isExistence) {
            auto pattern = Pattern::compile(regex, m_result->m_settings.match);
            if (!pattern.has_value()) {
                report({Problem::Severity::Error, test.origin, test.name,
                        "the expression is refused: " + pattern.error().detail.toUtf8()});
                return;
            }
            made.pattern = pattern.take();
        }
        if (header != nullptr) {
            made.runner = isExistence ? Runner::Existence : Runner::Header;
            made.isNegated = header->isNegated;
            joinGroup(made, index, *header);
        } else if (const auto *const mime = std::get_if<MimeHeaderTest>(&test.body)) {
            made.runner = Runner::MimeHeader;
            made.isNegated = mime->isNegated;
        } else {
            made.runner = Runner::Text;
            made.view = viewOf(test.kind);
        }
    }

    void joinGroup(CompiledTest &made, int index, const HeaderTest &header)
    {
        auto &groups = m_result->m_groups;
        const auto [place, isNew] = m_groupOf.try_emplace(queryKey(header.header),
                                                          static_cast<int>(groups.size()));
        if (isNew) {
            groups.emplace_back();
            groups.back().query = header.header;
        }
        made.group = place->second;
        groups[static_cast<size_t>(made.group)].tests.push_back(index);
        if (made.runner == Runner::Existence) {
            made.whenUnset = made.isNegated ? 1 : 0;
        } else if (made.pattern) {
            // Perl matches an undefined value as if it were empty.
            const QByteArray text = header.ifUnset.value_or(QByteArray());
            const int hits = made.isMultiple ? made.pattern->count(text, made.test->maxHits)
                                             : int(made.pattern->matches(text));
            made.whenUnset = made.isNegated ? int(hits == 0) : hits;
        }
    }

    /// What a template requires whatever values are put in.
    static PatternSet::Ways ways(const CompiledTest &made)
    {
        Regex regex = *regexOf(*made.test);
        for (const QByteArray &name : regex.neededCaptures) {
            regex.source.replace("%{" + name + '}', "(?s:.*)");
            regex.source.replace("%\\{" + name + "\\}", "(?s:.*)");
        }
        return conditionsOf(regex);
    }

    void buildSets()
    {
        std::array<std::vector<PatternSet::Ways>, textViews> views;
        for (size_t i = 0; i < m_result->m_tests.size(); ++i) {
            CompiledTest &made = m_result->m_tests[i];
            if (made.runner == Runner::Text) {
                const auto which = static_cast<size_t>(made.view);
                addSlot(made, static_cast<int>(i), views[which], m_result->m_views[which].slots);
            }
        }
        for (size_t which = 0; which < textViews; ++which) {
            m_result->m_views[which].set = std::make_unique<PatternSet>(views[which]);
        }
        for (auto &group : m_result->m_groups) {
            std::vector<PatternSet::Ways> all;
            for (const int index : group.tests) {
                if (group.tests.size() >= leastGrouped
                    && compiled(index).runner == Runner::Header) {
                    addSlot(compiled(index), index, all, group.slots);
                }
            }
            group.set = std::make_unique<PatternSet>(all);
        }
    }

    static void addSlot(CompiledTest &made,
                        int index,
                        std::vector<PatternSet::Ways> &all,
                        std::vector<int> &slots)
    {
        PatternSet::Ways required = ways(made);
        if (!required.empty()) {
            made.slot = static_cast<int>(slots.size());
            slots.push_back(index);
            all.push_back(std::move(required));
        }
    }

    // ---- order ---------------------------------------------------------------------------------

    void arrange()
    {
        std::map<int, int> stageOf;
        for (const CompiledTest &made : m_result->m_tests) {
            if (made.runner != Runner::None && made.runner != Runner::Meta) {
                stageOf[made.test->effectivePriority] = 0;
            }
        }
        if (m_result->m_settings.usesNetwork) {
            stageOf[lookupPriority] = 0;
        }
        for (auto &[priority, stage] : stageOf) {
            stage = static_cast<int>(m_result->m_stages.size());
            m_result->m_stages.emplace_back().priority = priority;
        }
        for (size_t i = 0; i < m_result->m_tests.size(); ++i) {
            place(static_cast<int>(i), stageOf);
        }
        placeMetas();
    }

    void place(int index, const std::map<int, int> &stageOf)
    {
        CompiledTest &made = compiled(index);
        const Test &test = *made.test;
        const int step = stepOf(test.kind);
        if (made.runner == Runner::None || made.runner == Runner::Meta) {
            return;
        }
        made.stage = stageOf.at(test.effectivePriority);
        if (test.kind == TestKind::RblEval) {
            if (m_result->m_settings.usesNetwork) {
                made.stage = stageOf.at(lookupPriority);
                m_result->m_stages[static_cast<size_t>(made.stage)].lookups.push_back(index);
            }
            return;
        }
        const Regex *regex = regexOf(test);
        const bool hasEffects = made.runner == Runner::Eval
                                || (regex != nullptr && regex->capturesNames);
        if (step >= 0 && (hasEffects || !test.isSubRule())) {
            m_result->m_stages[static_cast<size_t>(made.stage)]
                .steps[static_cast<size_t>(step)]
                .push_back(index);
        }
    }

    /// Whether a test may still hit after its turn: lookups answer later.
    [[nodiscard]] bool comesLate(const CompiledTest &made) const
    {
        return made.runner == Runner::None || made.runner == Runner::External
               || made.test->kind == TestKind::RblEval || made.test->hasFlag("net");
    }

    /// Places metas after those that they need. A loop: a chain of them is as long as the files say.
    void placeMetas()
    {
        struct Visit {
            int index = 0;
            size_t next = 0;  // Of the tests that it needs.
        };
        std::vector<bool> isSeen(m_result->m_tests.size());
        std::vector<Visit> open;
        const auto visit = [&](int index) {
            if (compiled(index).runner == Runner::Meta && !isSeen[static_cast<size_t>(index)]) {
                isSeen[static_cast<size_t>(index)] = true;
                open.push_back({index});
            }
        };
        for (size_t i = 0; i < m_result->m_tests.size(); ++i) {
            visit(static_cast<int>(i));
            while (!open.empty()) {
                Visit &last = open.back();
                const std::vector<int> &needed = compiled(last.index).meta.tests();
                if (last.next < needed.size()) {
                    visit(needed[last.next++]);
                } else {
                    const int index = last.index;
                    open.pop_back();
                    placeMeta(index);
                }
            }
        }
    }

    /// Finds the stage after which a meta can be evaluated, when all that it needs is placed; the number
    /// of stages: at the end.
    void placeMeta(int index)
    {
        CompiledTest &made = compiled(index);
        const auto end = static_cast<int>(m_result->m_stages.size());
        int stage = made.meta.hasUnknown() || made.meta.tests().empty() ? end : 0;
        for (const int needed : made.meta.tests()) {
            const CompiledTest &other = compiled(needed);
            const bool isMeta = other.test->kind == TestKind::Meta;
            if (isMeta && other.runner != Runner::Meta) {
                // A meta that does not run in this score set never becomes ready.
                made.runner = Runner::None;
                return;
            }
            stage = std::max(stage, !isMeta && comesLate(other) ? end : other.stage);
        }
        made.metaLevels = made.meta.levels([this](int test) {
            const int below = compiled(test).metaLevels;
            return below > 0 ? below + callLevels : 0;
        });
        if (made.metaLevels > m_result->m_settings.limits.metaLevels) {
            report(
                {Problem::Severity::Error, made.test->origin, made.test->name,
                 "too deep, with the meta tests that it needs; neither it nor what needs it will "
                 "ever hit"});
            made.runner = Runner::None;
            return;
        }
        made.stage = stage;
        if (!made.test->isSubRule()) {
            (stage == end ? m_result->m_finalMetas
                          : m_result->m_stages[static_cast<size_t>(stage)].metas)
                .push_back(index);
        }
    }

    void readShortCircuits()
    {
        if (!rules().hasPlugin("Shortcircuit")) {
            return;
        }
        ScoreBounds &bounds = m_result->m_scoreBounds;
        bounds.least = rules().number("shortcircuit_min_ham_score", bounds.least);
        bounds.most = rules().number("shortcircuit_max_spam_score", bounds.most);
        for (const Directive &directive : rules().directive("shortcircuit")) {
            const QList<QByteArray> words = directive.value.simplified().split(' ');
            const int index = rules().indexOf(words.value(0));
            if (index < 0) {
                continue;
            }
            if (words.value(1) == "off") {
                m_result->m_shortCircuits.remove(index);
            } else {
                m_result->m_shortCircuits.insert(index, words.value(1));
            }
        }
    }

    void reportUnsupported(const QByteArray &function, const std::vector<const Test *> &tests)
    {
        double mass = 0;
        QByteArrayList names;
        for (const Test *test : tests) {
            mass += std::abs(test->scores[static_cast<size_t>(m_set)]);
            names += test->name;
        }
        report({Problem::Severity::Warning, tests.front()->origin, function,
                "eval function is not supported: " + QByteArray::number(tests.size())
                    + " tests with " + QByteArray::number(mass, 'f', 2)
                    + " points do not run: " + names.join(' ')});
    }

    static constexpr int callLevels = 3;         // Functions between one meta and another.
    static constexpr int lookupPriority = -100;  // When all queries are launched.

    std::shared_ptr<CompiledRules> m_result;
    int m_set;
    std::map<QByteArray, EvalFunction> m_functions;
    std::map<QByteArray, std::vector<const Test *>> m_unsupported;
    std::map<QByteArray, int> m_groupOf;
};

std::shared_ptr<const CompiledRules> CompiledRules::compile(
    std::shared_ptr<const RuleSet> rules,
    std::vector<std::shared_ptr<EvalModule>> modules,
    const EngineSettings &settings)
{
    return RuleCompiler(std::move(rules), std::move(modules), settings).compile();
}

}  // namespace portcullis::spam
