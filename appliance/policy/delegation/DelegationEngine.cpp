// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/delegation/DelegationEngine.h"

#include <utility>

namespace portcullis::policy {

DelegationEngine::DelegationEngine(Decide decide, Complain complain, const DelegationLimits &limits)
    : m_decide(std::move(decide))
    , m_complain(std::move(complain))
    , m_limits(limits)
{
}

void DelegationEngine::receive(QByteArrayView octets)
{
    if (m_isFinished) {
        return;
    }
    m_input.append(octets);
    work();
    if (m_isDeciding && m_input.size() > m_limits.waiting) {
        m_complain("too many requests at once");
        m_isFinished = true;
    }
}

void DelegationEngine::answer(QByteArrayView action)
{
    if (!std::exchange(m_isDeciding, false)) {
        return;
    }
    reply(action);
    work();
}

QByteArray DelegationEngine::takeOutput()
{
    return std::exchange(m_output, {});
}

/// Not nested: an answer that is given at once returns to the loop that asked.
void DelegationEngine::work()
{
    if (std::exchange(m_isWorking, true)) {
        return;
    }
    while (!m_isFinished && !m_isDeciding && takeLine()) {
    }
    m_isWorking = false;
}

bool DelegationEngine::takeLine()
{
    const qsizetype end = m_input.indexOf('\n');
    if (end < 0) {
        if (m_input.size() > m_limits.line) {
            refuseLine("a line is too long");
            m_isSkipping = true;
            count(m_input.size());
            m_input.clear();
        }
        return false;
    }
    QByteArray line = m_input.first(end);
    m_input.remove(0, end + 1);
    if (!count(end + 1)) {
        return false;
    }
    if (std::exchange(m_isSkipping, false)) {
        return true;
    }
    if (line.endsWith('\r')) {
        line.chop(1);
    }
    if (line.isEmpty()) {
        endRequest();
    } else if (line.size() > m_limits.line) {
        refuseLine("a line is too long");
    } else if (++m_attributes > m_limits.attributes) {
        refuseLine("too many attributes");
    } else {
        m_request.setAttribute(line);
    }
    return true;
}

bool DelegationEngine::count(qsizetype octets)
{
    m_octets += octets;
    if (m_octets > m_limits.request) {
        m_complain("a request is too long");
        m_isFinished = true;
    }
    return !m_isFinished;
}

void DelegationEngine::refuseLine(const QByteArray &problem)
{
    if (m_request.problem.isEmpty()) {
        m_request.problem = problem;
    }
}

void DelegationEngine::endRequest()
{
    DelegationRequest request = std::exchange(m_request, {});
    m_attributes = 0;
    m_octets = 0;
    request.finish();
    if (request.problem.isEmpty()) {
        m_malformed = 0;
        m_isDeciding = true;
        m_decide(request);
        return;
    }
    m_complain(request.problem);
    reply("DUNNO");
    m_isFinished = ++m_malformed >= m_limits.malformed;
}

void DelegationEngine::reply(QByteArrayView action)
{
    m_output.append("action=");
    for (const char c : action) {
        const bool isControl = static_cast<uchar>(c) < ' ' || c == 0x7f;
        m_output.append(isControl ? ' ' : c);
    }
    m_output.append("\n\n");
}

}  // namespace portcullis::policy
