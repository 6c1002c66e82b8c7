// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/spf/Evaluation.h"

#include "appliance/base/Log.h"
#include "appliance/policy/spf/Names.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace portcullis::policy::spf {

namespace {

using verdict::SpfResult;

constexpr qsizetype maxProblem = 300;

SpfResult resultOf(char qualifier)
{
    switch (qualifier) {
    case '-':
        return SpfResult::Fail;
    case '~':
        return SpfResult::SoftFail;
    case '?':
        return SpfResult::Neutral;
    default:
        return SpfResult::Pass;
    }
}

wire::Query queryOf(DnsType type)
{
    switch (type) {
    case DnsType::A:
        return wire::Query::A;
    case DnsType::Aaaa:
        return wire::Query::Aaaa;
    case DnsType::Mx:
        return wire::Query::Mx;
    default:
        return wire::Query::Ptr;
    }
}

wire::Task::Kind matchKind(TermType type)
{
    switch (type) {
    case TermType::A:
        return wire::Task::Kind::MatchA;
    case TermType::Mx:
        return wire::Task::Kind::MatchMx;
    case TermType::Ptr:
        return wire::Task::Kind::MatchPtr;
    default:
        return wire::Task::Kind::MatchExists;
    }
}

std::string_view viewOf(const QByteArray &bytes)
{
    return {bytes.constData(), static_cast<std::size_t>(bytes.size())};
}

QByteArray bytesOf(const std::string &text)
{
    return QByteArray::fromStdString(text);
}

bool isPrintable(const QByteArray &text)
{
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

QByteArray displayable(const QByteArray &text, qsizetype limit)
{
    QByteArray clean = text.left(limit);
    std::replace_if(
        clean.begin(), clean.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return text.size() > limit ? clean + "..." : clean;
}

Evaluation::Evaluation(Resolver &resolver,
                       WorkerLink &worker,
                       const SpfLimits &limits,
                       Subject subject,
                       Done done)
    : m_resolver(resolver)
    , m_worker(worker)
    , m_limits(limits)
    , m_subject(std::move(subject))
    , m_done(std::move(done))
{
    const SpfIdentity &identity = m_subject.identity;
    m_finding.isHelo = identity.isHelo;
    m_finding.domain = displayable(identity.domain, 255);
    m_finding.identity = displayable(identity.local + '@' + identity.domain, 512);
    m_deadline.setSingleShot(true);
    connect(&m_deadline, &QTimer::timeout, this, [this] {
        if (m_isConcluded) {
            finish();  // without the domain's own explanation
        } else {
            fail(SpfResult::TempError, "no result within the time limit");
        }
    });
    m_deadline.start(m_limits.timeout);
    QMetaObject::invokeMethod(this, &Evaluation::start, Qt::QueuedConnection);
}

void Evaluation::start()
{
    if (m_isFinished) {
        return;
    }
    if (m_subject.client.isNull()) {
        fail(SpfResult::TempError, "the client's address is not known");
    } else if (!isCheckable(m_subject.identity.domain)) {
        conclude(SpfResult::None);
    } else {
        fetchRecord(m_subject.identity.domain, Entry::First);
    }
}

void Evaluation::fetchRecord(const QByteArray &domain, Entry entry)
{
    const QByteArray name = queryName(domain);
    if (name.isEmpty()) {
        fail(SpfResult::PermError, displayable(domain, 100) + " is no domain name");
        return;
    }
    query(name, DnsType::Txt,
          [this, name, entry](const Result<DnsAnswer> &answer) { onRecord(name, entry, answer); });
}

void Evaluation::onRecord(const QByteArray &domain, Entry entry, const Result<DnsAnswer> &answer)
{
    if (!answer) {
        fail(SpfResult::TempError, "DNS cannot tell the record of " + domain);
        return;
    }
    std::vector<QByteArray> records = textsOf(*answer);
    std::erase_if(records, [](const QByteArray &text) { return !isSpfRecord(viewOf(text)); });
    if (records.empty()) {
        if (entry == Entry::First) {
            conclude(SpfResult::None);
        } else {
            fail(SpfResult::PermError, domain + " has no SPF record, but another refers to it");
        }
        return;
    }
    if (records.size() > 1) {
        fail(SpfResult::PermError, domain + " has more than one SPF record");
        return;
    }
    const QByteArray &text = records.front();
    m_recordBytes += text.size();
    if (text.size() > m_limits.record || m_recordBytes > m_limits.records) {
        fail(SpfResult::PermError, "the record of " + domain + " is too long");
        return;
    }
    auto parsed = parseRecord(viewOf(text));
    if (const auto *problem = std::get_if<std::string>(&parsed)) {
        fail(SpfResult::PermError, "the record of " + domain + " is wrong: " + bytesOf(*problem));
        return;
    }
    enter(domain, entry, std::move(std::get<Record>(parsed)));
}

void Evaluation::enter(const QByteArray &domain, Entry entry, Record record)
{
    if (entry == Entry::Redirect) {
        m_frames.back() = {domain, std::move(record), 0};
    } else {
        m_frames.push_back({domain, std::move(record), 0});
    }
    advance();
}

const Term &Evaluation::currentTerm() const
{
    return m_frames.back().record.terms[m_frames.back().next - 1];
}

bool Evaluation::coversClient(const Term &term) const
{
    return term.type == TermType::All || covers(term, addressBytes(m_subject.client));
}

// The functions up to leaveFrame() call each other without waiting at most once for each term that
// counts, and once for each record left: both are bounded by SpfLimits::terms.
// NOLINTBEGIN(misc-no-recursion) depth bounded by SpfLimits::terms

/// Goes on with the top frame's terms until one matches or has to wait.
void Evaluation::advance()
{
    Frame &frame = m_frames.back();
    while (frame.next < frame.record.terms.size()) {
        const Term &term = frame.record.terms[frame.next++];
        if (term.type != TermType::All && term.type != TermType::Ip4
            && term.type != TermType::Ip6) {
            evaluateTerm();
            return;
        }
        if (coversClient(term)) {
            onMatch();
            return;
        }
    }
    onAllTermsDone();
}

void Evaluation::onAllTermsDone()
{
    const std::string redirect = m_frames.back().record.redirect;
    if (redirect.empty()) {
        m_finding.mechanism.clear();
        leaveFrame(SpfResult::Neutral);  // RFC 7208 §4.7
        return;
    }
    if (takeTerm()) {
        expand(redirect,
               [this](const QByteArray &domain) { fetchRecord(domain, Entry::Redirect); });
    }
}

bool Evaluation::takeTerm()
{
    if (++m_terms > m_limits.terms) {
        fail(SpfResult::PermError, "more than " + QByteArray::number(m_limits.terms)
                                       + " terms ask DNS (RFC 7208 section 4.6.4)");
        return false;
    }
    return true;
}

void Evaluation::evaluateTerm()
{
    if (!takeTerm()) {
        return;
    }
    const Term &term = currentTerm();
    if (term.domainSpec.empty()) {
        onTarget(m_frames.back().domain);
    } else {
        expand(term.domainSpec, [this](const QByteArray &target) { onTarget(target); });
    }
}

void Evaluation::onTarget(const QByteArray &target)
{
    const Term &term = currentTerm();
    if (term.type == TermType::Include) {
        fetchRecord(target, Entry::Include);
        return;
    }
    const QByteArray name = queryName(target);
    if (name.isEmpty()) {
        advance();  // RFC 7208 §4.8 leaves it open; what does not exist does not match
        return;
    }
    const bool isIp4 = m_subject.client.protocol() == QAbstractSocket::IPv4Protocol;
    DnsType type = DnsType::A;  // "exists" asks for A whatever the client (§5.7).
    if (term.type == TermType::Mx) {
        type = DnsType::Mx;
    } else if (term.type == TermType::A && !isIp4) {
        type = DnsType::Aaaa;
    } else if (term.type == TermType::Ptr) {
        askAfter({wire::Reply::Kind::Needs, wire::Query::Ptr,
                  reverseName(m_subject.client).toStdString()},
                 taskFor(wire::Task::Kind::MatchPtr, name.toStdString()));
        return;
    }
    query(name, type,
          [this, name](const Result<DnsAnswer> &answer) { onTermAnswer(name, answer); });
}

/// The answer to the question that any worker would ask first for a, mx and exists.
void Evaluation::onTermAnswer(const QByteArray &name, const Result<DnsAnswer> &answer)
{
    if (!answer) {
        fail(SpfResult::TempError, "DNS cannot tell about " + displayable(name, 100));
        return;
    }
    const Term &term = currentTerm();
    const bool isIp4 = m_subject.client.protocol() == QAbstractSocket::IPv4Protocol;
    const DnsType addressType = isIp4 || term.type == TermType::Exists ? DnsType::A : DnsType::Aaaa;
    const wire::Query query = queryOf(term.type == TermType::Mx ? DnsType::Mx : addressType);
    if (answer->records.empty()) {
        if (++m_voids > m_limits.voidLookups) {
            fail(SpfResult::PermError, "more than " + QByteArray::number(m_limits.voidLookups)
                                           + " names do not exist (RFC 7208 section 4.6.4)");
        } else {
            advance();
        }
        return;
    }
    if (term.type == TermType::Mx && answer->records.size() > static_cast<size_t>(m_limits.hosts)) {
        fail(SpfResult::PermError, displayable(name, 100) + " has more than "
                                       + QByteArray::number(m_limits.hosts) + " mail servers");
        return;
    }
    wire::Task task = taskFor(matchKind(term.type), name.toStdString());
    task.prefix = static_cast<quint8>(isIp4 ? term.prefix4 : term.prefix6);
    task.known.push_back({query, name.toStdString(), recordsOf(query, *answer)});
    const auto &records = task.known.front().records;
    if (term.type != TermType::Mx) {
        ask(std::move(task), [this](const wire::Reply &reply) { onVerdict(reply); });
    } else if (records.empty()) {
        advance();  // a null MX (RFC 7505)
    } else {
        const wire::Reply first{wire::Reply::Kind::Needs, queryOf(addressType), records.front()};
        askAfter(first, std::move(task));
    }
}

void Evaluation::onVerdict(const wire::Reply &reply)
{
    reply.kind == wire::Reply::Kind::Matches ? onMatch() : advance();
}

void Evaluation::onMatch()
{
    m_finding.mechanism = displayable(bytesOf(currentTerm().text), maxProblem);
    leaveFrame(resultOf(currentTerm().qualifier));
}

/// The top record has a result, which is the check's, or the include's that asked for it (§5.2).
void Evaluation::leaveFrame(SpfResult result)
{
    if (m_frames.size() > 1) {
        m_frames.pop_back();
        result == SpfResult::Pass ? onMatch() : advance();
        return;
    }
    conclude(result);
}
// NOLINTEND(misc-no-recursion)

void Evaluation::expand(const std::string &text, std::function<void(QByteArray)> then)
{
    if (!hasMacros(text)) {
        then(bytesOf(text));
        return;
    }
    ask(taskFor(wire::Task::Kind::ExpandDomain, text),
        [then = std::move(then)](const wire::Reply &reply) { then(bytesOf(reply.text)); });
}

void Evaluation::query(const QByteArray &name,
                       DnsType type,
                       std::function<void(const Result<DnsAnswer> &)> then)
{
    if (++m_queries > m_limits.queries) {
        fail(SpfResult::PermError,
             "more than " + QByteArray::number(m_limits.queries) + " DNS queries");
        return;
    }
    m_resolver.lookup(name, type, this,
                      [this, then = std::move(then)](const Result<DnsAnswer> &answer) {
                          if (!m_isFinished) {
                              then(answer);
                          }
                      });
}

void Evaluation::conclude(SpfResult result)
{
    m_isConcluded = true;
    m_finding.result = result;
    if (result == SpfResult::Fail) {
        m_finding.explanation = m_subject.client.toString().toLatin1()
                                + " is not allowed to send mail for " + m_finding.domain
                                + " (its SPF record says \"" + m_finding.mechanism + "\")";
        if (!m_frames.back().record.explanation.empty()) {
            explain();
            return;
        }
    }
    finish();
}

/// RFC 7208 §6.2: whatever goes wrong here, the result stands and ours is the explanation.
void Evaluation::explain()
{
    expand(m_frames.back().record.explanation, [this](const QByteArray &domain) {
        const QByteArray name = queryName(domain);
        if (name.isEmpty()) {
            finish();
            return;
        }
        query(name, DnsType::Txt,
              [this](const Result<DnsAnswer> &answer) { onExplanation(answer); });
    });
}

void Evaluation::onExplanation(const Result<DnsAnswer> &answer)
{
    const std::vector<QByteArray> texts = answer ? textsOf(*answer) : std::vector<QByteArray>();
    if (texts.size() != 1 || texts.front().size() > m_limits.record
        || !splitMacros(viewOf(texts.front()), MacroUse::Explanation)) {
        finish();
        return;
    }
    const auto use = [this](const QByteArray &words) {
        if (isPrintable(words) && !words.trimmed().isEmpty()) {
            // §6.2: that these are somebody else's words must be plain.
            m_finding.explanation = displayable(m_finding.domain + " explains: " + words,
                                                m_limits.explanation);
        }
        finish();
    };
    const std::string text = texts.front().toStdString();
    if (!hasMacros(text)) {
        use(texts.front());
        return;
    }
    ask(taskFor(wire::Task::Kind::ExpandExplanation, text),
        [use](const wire::Reply &reply) { use(bytesOf(reply.text)); });
}

void Evaluation::fail(SpfResult result, const QByteArray &problem)
{
    if (m_isConcluded) {
        finish();  // Only the explanation failed.
        return;
    }
    m_finding.mechanism.clear();
    m_finding.problem = displayable(problem, maxProblem);
    m_finding.result = result;
    finish();
}

void Evaluation::finish()
{
    if (m_isFinished) {
        return;
    }
    m_isFinished = true;
    m_deadline.stop();
    deleteLater();
    m_done(m_finding);
}

}  // namespace portcullis::policy::spf
