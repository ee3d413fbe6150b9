//! What a program may ask about the runtime itself.

use uuid::Uuid;

use super::Handle;
use crate::error::Error;

impl Handle {
    /// Reads from storage, so that its answer says whether storage has one. Fails with [`Error::Storage`], or with
    /// [`Error::Stopping`].
    pub async fn check_storage(&self) -> Result<(), Error> {
        self.read(|storage| storage.run(Uuid::nil(), Uuid::nil())).await.map(drop)
    }
}
