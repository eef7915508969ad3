//! What protects the mount of a kernel from other users of its machine.

use nfs3_types::mount::mountstat3;
use nfs3_types::nfs3::{NFS_PROGRAM, Nfs3Result, nfsstat3, post_op_attr};

use crate::support::{serve, settings};

#[tokio::test]
async fn after_the_mount_its_path_opens_nothing() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    let root = client.mnt("/").await.unwrap();
    assert!(client.mnt("/none").await.is_err());
    assert_eq!(fixture.server.refuse_mounts(), 1);
    let refused = client.mnt("/").await.unwrap_err();
    assert_eq!(refused as u32, mountstat3::MNT3ERR_ACCES as u32);
    // The handle of the first mount is still good.
    client.lookup(&root, "film").await.unwrap();
    assert_eq!(fixture.server.refuse_mounts(), 1);
}

#[tokio::test]
async fn only_one_user_reads() {
    let mut settings = settings();
    settings.only_uid = Some(501);
    let fixture = serve(settings).await;
    for (uid, may_read) in [(Some(501), true), (Some(0), true), (Some(502), false), (None, false)] {
        let mut client = fixture.client().await;
        let root = client.mnt("/").await.unwrap();
        client.claim_uid(uid);
        // Attributes are no secret: a kernel asks for them as any user.
        client.attr(&root).await.unwrap();
        let found = client.lookup(&root, "film").await.map(|_| ()).map_err(|status| status as u32);
        let want = if may_read { Ok(()) } else { Err(nfsstat3::NFS3ERR_ACCES as u32) };
        assert_eq!(found, want, "{uid:?}");
        if !may_read {
            for procedure in [
                NFS_PROGRAM::NFSPROC3_ACCESS,
                NFS_PROGRAM::NFSPROC3_READ,
                NFS_PROGRAM::NFSPROC3_READDIR,
                NFS_PROGRAM::NFSPROC3_READDIRPLUS,
                NFS_PROGRAM::NFSPROC3_READLINK,
            ] {
                let answer: Nfs3Result<u32, post_op_attr> = client.nfs(procedure, &0_u32).await;
                let Nfs3Result::Err((status, _)) = answer else { panic!("{procedure:?}") };
                assert_eq!(status as u32, nfsstat3::NFS3ERR_ACCES as u32, "{procedure:?}");
            }
        }
    }
}
