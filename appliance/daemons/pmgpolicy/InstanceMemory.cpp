// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/pmgpolicy/InstanceMemory.h"

namespace portcullis {

namespace {

/// Whoever says another client or sender speaks of another message.
QByteArray keyOf(const policy::DelegationRequest &request)
{
    return request.instance + '\n' + request.clientAddress.toString().toLatin1() + '\n'
           + request.sender.toString();
}

}  // namespace

MessageNotes InstanceMemory::of(const policy::DelegationRequest &request) const
{
    return request.instance.isEmpty() ? MessageNotes() : m_notes.value(keyOf(request));
}

void InstanceMemory::set(const policy::DelegationRequest &request, const MessageNotes &notes)
{
    if (request.instance.isEmpty()) {
        return;
    }
    const QByteArray key = keyOf(request);
    if (!m_notes.contains(key)) {
        m_order.push_back(key);
        if (m_notes.size() >= m_limits.messages) {
            m_notes.remove(m_order.front());
            m_order.pop_front();
        }
    }
    m_notes.insert(key, notes);
}

}  // namespace portcullis
