// SPDX-License-Identifier: GPL-2.0-or-later
// What an evaluation and the worker have to say to each other.
#include "appliance/policy/spf/Evaluation.h"
#include "appliance/policy/spf/Names.h"

#include <algorithm>
#include <utility>

namespace portcullis::policy::spf {

namespace {

bool isSame(const std::string &a, const std::string &b)
{
    return qstrnicmp(a.data(), static_cast<qsizetype>(a.size()), b.data(),
                     static_cast<qsizetype>(b.size()))
           == 0;
}

}  // namespace

wire::Task Evaluation::taskFor(wire::Task::Kind kind, const std::string &text) const
{
    wire::Task task;
    task.kind = kind;
    task.text = text;
    task.client = addressBytes(m_subject.client);
    task.prefix = static_cast<quint8>(task.client.size() * 8);
    task.local = m_subject.identity.local.toStdString();
    task.senderDomain = m_subject.identity.domain.toStdString();
    task.domain = m_frames.back().domain.toStdString();
    task.helo = m_subject.helo.toStdString();
    task.receiver = m_subject.receiver.toStdString();
    return task;
}

void Evaluation::ask(wire::Task task, std::function<void(const wire::Reply &)> then)
{
    m_task = std::move(task);
    m_onReply = std::move(then);
    submit();
}

/// Answers what any worker would need first before it is asked: that saves a round trip.
void Evaluation::askAfter(const wire::Reply &need, wire::Task task)
{
    m_task = std::move(task);
    m_onReply = [this](const wire::Reply &reply) { onVerdict(reply); };
    onNeed(need);
}

void Evaluation::submit()
{
    m_worker.submit(m_task, this,
                    [this](const std::optional<wire::Reply> &reply) { onReply(reply); });
}

void Evaluation::onReply(const std::optional<wire::Reply> &reply)
{
    if (m_isFinished) {
        return;
    }
    const bool isExpansion = m_task.kind == wire::Task::Kind::ExpandDomain
                             || m_task.kind == wire::Task::Kind::ExpandExplanation;
    if (!reply) {
        fail(SpfResult::TempError, "the SPF worker failed");
    } else if (reply->kind == wire::Reply::Kind::Needs) {
        onNeed(*reply);
    } else if (reply->kind == wire::Reply::Kind::Failed) {
        fail(SpfResult::PermError,
             "cannot be evaluated: " + displayable(QByteArray::fromStdString(reply->text), 200));
    } else if (isExpansion != (reply->kind == wire::Reply::Kind::Expanded)) {
        m_worker.distrust("an answer to another question");
        fail(SpfResult::TempError, "the SPF worker failed");
    } else {
        const auto then = std::exchange(m_onReply, nullptr);
        then(*reply);
    }
}

/// Whether the worker has reason to ask: for the client's name, for hosts that MX or PTR named. It gives no
/// other names to ask about than that, and those which macros make.
bool Evaluation::mayNeed(const wire::Reply &reply) const
{
    const auto &known = m_task.known;
    if (std::any_of(known.begin(), known.end(), [&](const wire::Known &one) {
            return one.query == reply.query && isSame(one.name, reply.text);
        })) {
        return false;  // It has the answer; asking again would go on for ever.
    }
    if (reply.query == wire::Query::Ptr) {
        return m_task.kind != wire::Task::Kind::MatchMx
               && isSame(reply.text, reverseName(m_subject.client).toStdString());
    }
    const bool isIp4 = m_task.client.size() == 4;
    return reply.query == (isIp4 ? wire::Query::A : wire::Query::Aaaa) && !known.empty()
           && (known.front().query == wire::Query::Ptr || known.front().query == wire::Query::Mx)
           && std::any_of(known.front().records.begin(), known.front().records.end(),
                          [&](const std::string &host) { return isSame(host, reply.text); });
}

void Evaluation::onNeed(const wire::Reply &need)
{
    if (!mayNeed(need)) {
        m_worker.distrust("a question without reason");
        fail(SpfResult::TempError, "the SPF worker failed");
        return;
    }
    const QByteArray name = queryName(QByteArray::fromStdString(need.text));
    if (name.isEmpty()) {
        onNeeded(need.query, need.text, DnsAnswer());
        return;
    }
    query(name, typeOf(need.query),
          [this, asked = need.query, text = need.text](const Result<DnsAnswer> &answer) {
              onNeeded(asked, text, answer);
          });
}

void Evaluation::onNeeded(wire::Query query,
                          const std::string &name,
                          const Result<DnsAnswer> &answer)
{
    // RFC 7208 §5.5 and §7.3: where DNS fails for ptr and %{p}, there is just no such name.
    if (!answer && m_task.kind == wire::Task::Kind::MatchMx) {
        fail(SpfResult::TempError,
             "DNS cannot tell about " + displayable(QByteArray::fromStdString(name), 100));
        return;
    }
    // Earlier hosts have not matched, and need not be sent again to not match again.
    for (wire::Known &known : m_task.known) {
        if (known.query == wire::Query::A || known.query == wire::Query::Aaaa) {
            known.records.clear();
        }
    }
    wire::Known known{query, name, {}};
    if (answer) {
        known.records = recordsOf(query, *answer);
    }
    if (query == wire::Query::Ptr && known.records.size() > static_cast<size_t>(m_limits.hosts)) {
        known.records.resize(static_cast<size_t>(m_limits.hosts));  // RFC 7208 §4.6.4
    }
    m_task.known.push_back(std::move(known));
    submit();
}

}  // namespace portcullis::policy::spf
