// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/dnsbl/DnsblRun.h"

#include "appliance/policy/dnsbl/DnsblTest.h"

#include <algorithm>

namespace portcullis::policy {

namespace {

/// Foreign words for a reply line: printable, short, without the customer's key.
QByteArray readableReason(QByteArray text, const DnsblList &list, qsizetype length)
{
    text.replace(list.domain, list.publicName);
    for (char &c : text) {
        if (c < ' ' || c > '~') {
            c = c == '\t' || c == '\n' || c == '\r' ? ' ' : '?';
        }
    }
    return text.simplified().left(length);
}

int weightOf(const std::vector<verdict::DnsblFinding> &findings)
{
    int sum = 0;
    for (const verdict::DnsblFinding &finding : findings) {
        sum += finding.weight;
    }
    return sum;
}

}  // namespace

DnsblRun::DnsblRun(Resolver &resolver,
                   DnsblHealth &health,
                   std::shared_ptr<const DnsblSites> sites,
                   const DnsblLimits &limits,
                   const QHostAddress &client,
                   Done done)
    : m_resolver(resolver)
    , m_health(health)
    , m_sites(std::move(sites))
    , m_limits(limits)
    , m_client(client)
    , m_done(std::move(done))
    , m_inquiries(m_sites->lists().size())
    , m_lifetime(limits.longestMemory)
{
    m_timer.setSingleShot(true);
}

void DnsblRun::start(QObject *context)
{
    m_context = context;
    m_deadline.setRemainingTime(m_limits.deadline);
    // The context as receiver keeps the end away from a session that is gone.
    QObject::connect(&m_timer, &QTimer::timeout, context, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->onDeadline();
        }
    });
    m_timer.start(m_limits.deadline);
    for (size_t i = 0; i < m_inquiries.size(); ++i) {
        const DnsblHealth::Advice advice = m_health.advise(m_sites->lists()[i].domain);
        if (advice.use == DnsblHealth::Advice::Use::LeaveOut) {
            m_outcome.mute.push_back(m_sites->lists()[i].publicName);
            continue;
        }
        ask(i, context);
        if (advice.wantsTest) {
            m_inquiries[i].isTestPending = advice.use == DnsblHealth::Advice::Use::AskOnTest;
            test(i, context);
        }
    }
    const bool isAnyAsked = std::any_of(m_inquiries.begin(), m_inquiries.end(),
                                        [](const Inquiry &each) { return each.isPending(); });
    if (!isAnyAsked) {
        m_lifetime = m_limits.shortestMemory;
        QMetaObject::invokeMethod(
            context, [self = shared_from_this()] { self->decideIfCertain(); },
            Qt::QueuedConnection);
    }
}

void DnsblRun::ask(size_t index, QObject *context)
{
    m_inquiries[index].isAnswerPending = true;
    m_resolver.lookup(dnsblQueryName(m_client, m_sites->lists()[index].domain), DnsType::A, context,
                      [self = shared_from_this(), index](const Result<DnsAnswer> &answer) {
                          self->takeAnswer(index, answer);
                      });
}

void DnsblRun::test(size_t index, QObject *context)
{
    testDnsblList(m_resolver, m_health, m_sites->lists()[index].domain, context,
                  [self = shared_from_this(), index](DnsblHealth::TestResult result) {
                      self->takeTest(index, result);
                  });
}

void DnsblRun::takeAnswer(size_t index, const Result<DnsAnswer> &answer)
{
    const DnsblList &list = m_sites->lists()[index];
    Inquiry &inquiry = m_inquiries[index];
    const bool isInTime = std::exchange(inquiry.isAnswerPending, false);
    if (!answer) {
        if (isInTime) {
            if (!isOwnOverload(answer.error())) {
                m_health.noteSilence(list.domain);
            }
            distrust(index);
        }
    } else if (const DnsblAnswer read = readDnsblAnswer(*answer); read.refusesUs) {
        m_health.noteRefusal(list.domain);
        distrust(index);
    } else if (read.isUnreadable) {
        distrust(index);
    } else {
        m_health.noteAnswer(list.domain);
        m_lifetime = std::min(m_lifetime, answer->ttl);
        inquiry.findings = list.findings(read.listed);
    }
    decideIfCertain();
}

/// A resolver with too many questions says so at once. That is not the list's fault, and a flood of
/// clients must not switch the lists off.
bool DnsblRun::isOwnOverload(const Error &error) const
{
    constexpr auto atOnce = std::chrono::milliseconds(50);
    return error.id == "dns.timeout"
           && m_limits.deadline - m_deadline.remainingTimeAsDuration() < atOnce;
}

void DnsblRun::takeTest(size_t index, DnsblHealth::TestResult result)
{
    const bool wasAwaited = std::exchange(m_inquiries[index].isTestPending, false);
    const bool isUnanswered = result == DnsblHealth::TestResult::Unanswered;
    if (isUnanswered ? wasAwaited : result != DnsblHealth::TestResult::Good) {
        distrust(index);
    }
    decideIfCertain();
}

/// From now on the list counts nothing for this client.
void DnsblRun::distrust(size_t index)
{
    if (m_isDecided) {
        return;
    }
    m_inquiries[index] = {};
    m_isComplete = false;
    const QByteArray &name = m_sites->lists()[index].publicName;
    if (std::find(m_outcome.mute.begin(), m_outcome.mute.end(), name) == m_outcome.mute.end()) {
        m_outcome.mute.push_back(name);
    }
}

/// What is pending may still add or, a list of the good, take away.
void DnsblRun::decideIfCertain()
{
    if (m_isDecided) {
        return;
    }
    int lowest = 0;
    int highest = 0;
    bool isAnyPending = false;
    for (size_t i = 0; i < m_inquiries.size(); ++i) {
        const bool isPending = m_inquiries[i].isPending();
        const int known = weightOf(m_inquiries[i].findings);
        // A list on trial counts either what it said or nothing.
        const bool isAnswered = !m_inquiries[i].isAnswerPending;
        lowest += !isPending   ? known
                  : isAnswered ? std::min(known, 0)
                               : m_sites->lists()[i].lowest();
        highest += !isPending   ? known
                   : isAnswered ? std::max(known, 0)
                                : m_sites->lists()[i].highest();
        isAnyPending = isAnyPending || isPending;
    }
    if (!isAnyPending || m_sites->refuses(lowest)
        || (m_sites->threshold() > 0 && !m_sites->refuses(highest))) {
        decide();
    }
}

void DnsblRun::onDeadline()
{
    if (m_isDecided) {
        finish();
        return;
    }
    for (size_t i = 0; i < m_inquiries.size(); ++i) {
        if (m_inquiries[i].isPending()) {
            if (m_inquiries[i].isAnswerPending) {
                m_health.noteSilence(m_sites->lists()[i].domain);
            }
            distrust(i);
        }
    }
    decide();
}

void DnsblRun::decide()
{
    m_isDecided = true;
    std::vector<std::pair<int, size_t>> against;
    for (size_t i = 0; i < m_inquiries.size(); ++i) {
        const Inquiry &inquiry = m_inquiries[i];
        if (inquiry.isPending()) {
            continue;
        }
        const int weight = weightOf(inquiry.findings);
        m_outcome.score += weight;
        m_outcome.findings.insert(m_outcome.findings.end(), inquiry.findings.begin(),
                                  inquiry.findings.end());
        if (weight > 0) {
            against.emplace_back(weight, i);
        }
    }
    m_outcome.isRefused = m_sites->refuses(m_outcome.score);
    std::stable_sort(against.begin(), against.end(),
                     [](const auto &a, const auto &b) { return a.first > b.first; });
    for (const auto &[weight, index] : against) {
        m_outcome.blamed.push_back(m_sites->lists()[index].publicName);
    }
    const auto timeLeft = m_deadline.remainingTimeAsDuration();
    if (!m_outcome.isRefused || against.empty() || m_limits.reason.count() <= 0
        || timeLeft.count() <= 0) {
        finish();
        return;
    }
    m_timer.start(std::min<std::chrono::milliseconds>(
        m_limits.reason, std::chrono::ceil<std::chrono::milliseconds>(timeLeft)));
    askReason(m_sites->lists()[against.front().second]);
}

void DnsblRun::askReason(const DnsblList &list)
{
    m_resolver.lookup(dnsblQueryName(m_client, list.domain), DnsType::Txt, m_context,
                      [self = shared_from_this(), &list](const Result<DnsAnswer> &answer) {
                          const auto texts = answer ? textsOf(*answer) : std::vector<QByteArray>();
                          if (self->m_done && !texts.empty()) {
                              self->m_outcome.reason = readableReason(texts.front(), list,
                                                                      self->m_limits.reasonLength);
                          }
                          self->finish();
                      });
}

void DnsblRun::finish()
{
    m_timer.stop();
    if (!m_done) {
        return;
    }
    // A client that a silent list might have named is asked about again; one that is refused
    // already would not fare better.
    const bool isToBeKept = m_isComplete || m_outcome.isRefused;
    const auto lifetime = std::clamp(m_lifetime, m_limits.shortestMemory, m_limits.longestMemory);
    const Done done = std::exchange(m_done, nullptr);
    done({std::make_shared<const DnsblOutcome>(std::move(m_outcome)),
          isToBeKept ? lifetime : std::chrono::seconds(0)});
}

}  // namespace portcullis::policy
